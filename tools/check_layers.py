#!/usr/bin/env python3
"""Holds every #include line to the dependency rule (docs/architecture.md), and files to a readable length.

    tools/check_layers.py [--root FOLDER]

Prints one line per breach, "file:line: what includes what: which rule", and exits 1 if there is any.
"""

import argparse
import re
import sys
from pathlib import Path

# --- The rule -----------------------------------------------------------------------------------------------------

# Downwards only. Folders of src/ but for the first and the last; those on one line do not include each other.
LEVELS = [
    ["include/hearth"],
    ["base"],
    ["metrics", "tensor"],
    ["quant", "formats", "text", "store"],
    ["backends", "models", "sampling"],
    ["engine"],
    ["protocol"],
    ["cluster", "train", "server", "worker", "fetcher"],
    ["cli"],
    ["apps"],
]

# The exceptions to "not on one level": a file format knows the blocks that it holds.
SIDEWAYS = {("formats", "quant")}

# A backend is its folder below src/backends. Everybody else sees tensor/backend.h.
MAY_NAME_A_BACKEND = {"apps"}

# Code compiled for one instruction set. An inline function of the standard library that is compiled there may be the
# copy that the linker keeps for everybody, and an older processor then meets an instruction that it does not know.
# So these files, and all that they include, see nothing but this. simd/ holds what the others share.
PER_ISA_FOLDERS = tuple(f"backends/cpu/{isa}/" for isa in ("avx2", "avx512", "amx", "neon", "simd"))
PER_ISA_SYSTEM_HEADERS = {"immintrin.h", "arm_neon.h", "cstdint", "cstddef"}
PER_ISA_HEADERS = {"quant/blocks.h", "backends/cpu/kernels.h"}
PER_ISA_SUFFIX = "-inl.h"  # of the files in these folders that others in them include

# Tests and their fixtures, which stand beside the code, may include whatever they test against. Nothing but tests
# includes a fixture or test support.
TEST_SUFFIXES = ("_test.cc", "_fixture.h")
TEST_SUPPORT = "tests/"

CODE_FOLDERS = ["src", "include", "apps"]  # what the dependency rule is about
ALL_FOLDERS = ["src", "include", "apps", "tests", "fuzz", "bench", "examples", "tools"]
CODE_SUFFIXES = {".cc", ".h", ".cu", ".cuh", ".comp"}

LINES_FEW_EXCEED = 500  # one file in ten may be longer ...
LINES_NONE_EXCEEDS = 1000  # ... but none than this

# ------------------------------------------------------------------------------------------------------------------

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
LEVEL_OF = {folder: level for level, folders in enumerate(LEVELS) for folder in folders}


def code_files(root, folders, suffixes=CODE_SUFFIXES):
    """Paths relative to the root, sorted."""
    found = []
    for folder in folders:
        found += [p.relative_to(root) for p in (root / folder).rglob("*") if p.is_file() and p.suffix in suffixes]
    return sorted(found)


def includes_of(path):
    """(line number, name, whether quoted) of each #include."""
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if match := INCLUDE.match(line):
                yield number, match[1] or match[2], match[1] is not None


def resolve(root, includer, name):
    """The file that #include "name" means, relative to the root, or None; of generated code, what it is made from."""
    if name.endswith(".pb.h"):
        name = name.removesuffix(".pb.h") + ".proto"
    for base in (root / includer.parent, root / "src", root / "include", root):
        if (base / name).is_file():
            return (base / name).resolve().relative_to(root.resolve())
    return None


def folder_of(path):
    """The name of a file's folder in LEVELS, and of its backend if it is part of one."""
    top, *rest = path.parts
    if top == "src" and len(rest) > 1:
        backend = rest[1] if rest[0] == "backends" and len(rest) > 2 else None
        return rest[0], backend
    if top == "include":
        return "include/hearth", None
    return top, None


def below_src(path):
    return path.relative_to("src").as_posix() if path.parts[0] == "src" else ""


def is_test(path):
    return path.name.endswith(TEST_SUFFIXES)


def is_per_isa(path):
    """Whether a file is compiled for one instruction set, or is included by one that is."""
    name = below_src(path)
    return name in PER_ISA_HEADERS or name.startswith(PER_ISA_FOLDERS)


def per_isa_breach(target_name, quoted):
    if not quoted:
        if target_name in PER_ISA_SYSTEM_HEADERS:
            return None
    elif target_name in PER_ISA_HEADERS or (
        target_name.startswith(PER_ISA_FOLDERS) and target_name.endswith(PER_ISA_SUFFIX)
    ):
        return None
    allowed = sorted(PER_ISA_SYSTEM_HEADERS) + sorted(PER_ISA_HEADERS)
    return f"code of one instruction set includes only {', '.join(allowed)} and *{PER_ISA_SUFFIX} of such code"


def layer_breach(includer, target):
    """Which rule `includer` breaks by including `target` (both relative to the root), or None."""
    if target.as_posix().startswith(TEST_SUPPORT) or is_test(target):
        return "only tests include fixtures and test support"
    source, source_backend = folder_of(includer)
    to, to_backend = folder_of(target)
    for folder, path in ((source, includer), (to, target)):
        if folder not in LEVEL_OF:
            return f"{path.parent.as_posix()} is not in the levels of tools/check_layers.py"
    if to_backend is not None and source_backend != to_backend and source not in MAY_NAME_A_BACKEND:
        return f"only {', '.join(sorted(MAY_NAME_A_BACKEND))} names a concrete backend; others see tensor/backend.h"
    if source == to or (source, to) in SIDEWAYS:
        return None
    if LEVEL_OF[source] == LEVEL_OF[to]:
        return f"{source} and {to} stand on one level, and neither includes the other"
    if LEVEL_OF[source] < LEVEL_OF[to]:
        return f"{source} stands below {to}, and includes go downwards only"
    return None


def check_includes(root):
    errors = []
    for path in code_files(root, CODE_FOLDERS):
        if is_test(path):
            continue
        for number, name, quoted in includes_of(root / path):
            target = resolve(root, path, name)
            breach = None
            if is_per_isa(path):
                breach = per_isa_breach(below_src(target) if quoted and target else name, quoted)
            if breach is None and quoted and target is None:
                breach = "no such file beside it, under src/ or under include/"
            # <hearth/x.h> is a file of ours as well as "hearth/x.h"; any other <...> is the system's.
            if breach is None and target is not None and (quoted or name.startswith("hearth/")):
                breach = layer_breach(path, target)
            if breach is not None:
                errors.append(f"{path.as_posix()}:{number}: includes {name}: {breach}")
    return errors


def check_lengths(root):
    lengths = {}
    for path in code_files(root, ALL_FOLDERS, CODE_SUFFIXES | {".py"}):
        with open(root / path, encoding="utf-8") as lines:
            lengths[path] = sum(1 for _ in lines)
    errors = [
        f"{path.as_posix()}:{n}: {n} lines: no file has more than {LINES_NONE_EXCEEDS}"
        for path, n in lengths.items()
        if n > LINES_NONE_EXCEEDS
    ]
    long = {path: n for path, n in lengths.items() if n > LINES_FEW_EXCEED}
    if len(long) * 10 > len(lengths):
        names = ", ".join(f"{path.as_posix()} ({n})" for path, n in sorted(long.items(), key=lambda item: -item[1]))
        errors.append(
            f"{len(long)} of {len(lengths)} files have more than {LINES_FEW_EXCEED} lines, "
            f"one in ten may: {names}"
        )
    return errors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root
    n_files = len(code_files(root, CODE_FOLDERS))
    errors = check_includes(root) + check_lengths(root)
    for error in errors:
        print(error)
    if n_files == 0:
        print(f"{root}: found no code to check")
        return 1
    if not errors:
        print(f"{n_files} files keep the dependency rule")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
