#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Every component that the code logs as is in LOG_COMPONENTS, and nothing else is there."""
import pathlib
import re
import sys

root = pathlib.Path(sys.argv[1])
CALL = re.compile(r'\blog_(?:error|warn|notice|info|debug)\(([^;]*?)"([^"]+)"', re.S)
header = (root / "target/core/log.h").read_text()
known = set(re.findall(r'X\("([^"]+)"\)', header))
used = {}
for part in ("target", "tools/weftd"):
    for path in sorted((root / part).rglob("*.c")):
        for call in CALL.finditer(path.read_text()):
            if call[1].count(",") == 1:
                used.setdefault(call[2], path.relative_to(root))
wrong = [f'{used[c]}: "{c}" is not in LOG_COMPONENTS' for c in sorted(set(used) - known)]
wrong += [f'LOG_COMPONENTS: nobody logs as "{c}"' for c in sorted(known - set(used))]
print("\n".join(wrong) or f"{len(used)} components")
sys.exit(bool(wrong) or not used)
