# SPDX-License-Identifier: BSD-3-Clause
# Writes OUT: what VERSION and the contents of FILES are called. Neither the order of the files,
# nor where they are, nor when, makes a difference.
set(sums)
foreach(file IN LISTS FILES)
	file(SHA256 ${file} sum)
	list(APPEND sums ${sum})
endforeach()
list(SORT sums)
string(SHA256 all "${sums}")
string(SUBSTRING ${all} 0 16 all)
file(WRITE ${OUT} "#define VERBS_BUILD \"${VERSION}-${all}\"\n")
