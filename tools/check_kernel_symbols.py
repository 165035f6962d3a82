#!/usr/bin/env python3
"""Fails if a per-ISA object file defines a weak symbol.

The linker keeps one copy of a weak symbol, from any object. If that copy was compiled for AVX-512, every caller
executes AVX-512, also on a processor that lacks it.

    check_kernel_symbols.py OBJECT_OR_ARCHIVE...
"""

import subprocess
import sys

# nm's letters: W and V are weak definitions (w and v: references), u a unique global of inline data.
WEAK = {"W", "V", "u"}


def weak_symbols(path):
    """Pairs of nm's letter and the demangled name of each weak definition in `path`."""
    command = ["nm", "--defined-only", "--demangle", "--format=posix", path]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    for line in listing.splitlines():
        # "name type value size"; a demangled name may hold spaces, the three after it do not.
        fields = line.rsplit(" ", 3)
        if len(fields) == 4 and fields[1] in WEAK:
            yield fields[1], fields[0]


def main(paths):
    if not paths:
        print(__doc__, file=sys.stderr)
        return 2
    found = [(path, letter, name) for path in paths for letter, name in weak_symbols(path)]
    for path, letter, name in found:
        print(f"{path}: weak symbol ({letter}) {name}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
