# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# Shared by tools/quickstart and tools/check: which Debian packages are needed,
# and installing those that are missing.

# To build and run the programs.
WEFT_BUILD_PACKAGES=(gcc libc6-dev cmake ninja-build pkg-config libglib2.0-dev libjson-glib-dev
	liburing-dev libisal-dev libncurses-dev libibverbs-dev librdmacm-dev zlib1g-dev)
# To build in every way and to run the tests, a guest included.
WEFT_CHECK_PACKAGES=("${WEFT_BUILD_PACKAGES[@]}" binutils clang libclang-rt-14-dev llvm
	valgrind scdoc python3 qemu-system-x86 linux-image-amd64 busybox-static kmod iproute2
	nvme-cli fio e2fsprogs util-linux git gdb tshark python3-jsonschema prometheus tmux)
# With --full: builds for aarch64, run by emulation.
WEFT_FULL_PACKAGES=(gcc-aarch64-linux-gnu qemu-user)

weft_say()
{
	printf '%s\n' "$*"
}

weft_die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# The packages among "$@" that are not installed, one a line.
weft_missing_packages()
{
	local have
	have=$(dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null |
		sed -n 's/^.i *//p')
	local p
	for p in "$@"; do
		grep -qxF -- "$p" <<<"$have" || printf '%s\n' "$p"
	done
}

# Reads apt-get's output and shows how far it is: on a terminal one line that
# changes, elsewhere a line every tenth of the way.
weft_apt_progress()
{
	local tty=0
	[ -t 1 ] && tty=1
	awk -v tty="$tty" '
		/newly installed/ { for (i = 1; i < NF; i++) if ($(i + 1) == "newly") total += 2 * $i }
		/^Need to get/ { sub(/ of archives.*/, ""); print "  " $0; fflush() }
		/^(Unpacking|Setting up) / {
			n++
			what = ($1 == "Setting") ? "setting up " $3 : "unpacking " $2
			if (tty) printf "\r\033[K  %d/%d %s", n, total, what
			else if (total && int(10 * n / total) > tenth) {
				tenth = int(10 * n / total)
				printf "  %d/%d steps done\n", n, total
			}
			fflush()
		}
		END { if (tty && n) printf "\r\033[K" }'
}

# No service may start because a package was installed for a test.
weft_block_services()
{
	[ -e /usr/sbin/policy-rc.d ] && return 0
	printf '#!/bin/sh\n# put here by weft while packages install\nexit 101\n' |
		"${WEFT_ROOT[@]}" tee /usr/sbin/policy-rc.d >/dev/null &&
		"${WEFT_ROOT[@]}" chmod 755 /usr/sbin/policy-rc.d
}

weft_unblock_services()
{
	grep -qs 'put here by weft' /usr/sbin/policy-rc.d &&
		"${WEFT_ROOT[@]}" rm -f /usr/sbin/policy-rc.d
	return 0
}

# Sets WEFT_ROOT to what runs a command as root, or ends with what to do instead.
weft_become_root()
{
	WEFT_ROOT=()
	[ "$(id -u)" = 0 ] && return 0
	if command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
		WEFT_ROOT=(sudo)
		return 0
	fi
	weft_die "packages are missing, and this is neither root nor may it use sudo. As root, run:
    apt-get install --no-install-recommends $*"
}

weft_apt()
{
	"${WEFT_ROOT[@]}" env DEBIAN_FRONTEND=noninteractive LC_ALL=C apt-get -q -y \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" </dev/null
}

weft_install_packages()
{
	local -a missing
	local log
	command -v dpkg-query >/dev/null || {
		command -v cmake >/dev/null && command -v ninja >/dev/null && return 0
		weft_die "this is not Debian; install the counterparts of: $*"
	}
	mapfile -t missing < <(weft_missing_packages "$@")
	[ ${#missing[@]} -eq 0 ] && return 0
	weft_become_root "${missing[@]}"
	weft_say "installing ${#missing[@]} packages: ${missing[*]}"
	log=$(mktemp /tmp/weft-apt.XXXXXX) || weft_die "cannot write to /tmp"
	trap weft_unblock_services EXIT
	weft_block_services || weft_die "cannot keep services from starting"
	weft_apt update >"$log" 2>&1 || weft_say "  apt-get update failed; trying with the old lists"
	set -o pipefail
	if ! weft_apt install --no-install-recommends "${missing[@]}" 2>&1 |
		tee -a "$log" | weft_apt_progress; then
		tail -n 25 "$log" >&2
		weft_die "installing packages failed; the whole log is $log"
	fi
	set +o pipefail
	rm -f "$log"
	weft_unblock_services
	trap - EXIT
	mapfile -t missing < <(weft_missing_packages "$@")
	[ ${#missing[@]} -eq 0 ] || weft_die "still not installed: ${missing[*]}"
}

# Configure a preset once; a build folder that belongs to another place is made anew.
# usage: weft_configure SOURCE PRESET [cmake option...]
weft_configure()
{
	local src=$1 preset=$2 dir=$1/build/$2
	shift 2
	if [ -e "$dir/CMakeCache.txt" ] &&
		! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$src" "$dir/CMakeCache.txt"; then
		rm -rf "$dir"
	fi
	[ -e "$dir/build.ninja" ] && return 0
	cmake -S "$src" --preset "$preset" "$@"
}
