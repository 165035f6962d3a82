#!/usr/bin/env python3
"""Gives check_tidy small projects with a fault in them: it must find it however it reads the files."""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

LOADER = importlib.machinery.SourceFileLoader("check_tidy", str(Path(__file__).resolve().parent / "check_tidy"))
check_tidy = importlib.util.module_from_spec(importlib.util.spec_from_loader("check_tidy", LOADER))
LOADER.exec_module(check_tidy)

GOOD = "namespace {namespace} {{ int one() {{ return 1; }} }}\n"
# Found by a check of the project's configuration, and by none of those that clang-tidy has by itself.
FAULT = (
    "#include <string>\n#include <utility>\n"
    "namespace {namespace} {{ std::string twice(std::string a) {{ std::string b = std::move(a); return a + b; }} }}\n"
)
FINDING = "bugprone-use-after-move"


class CheckTidyTest(unittest.TestCase):
    def check(self, sources):
        """Each source in a folder and a target of its own: the exit status, and what was printed."""
        with tempfile.TemporaryDirectory() as root:
            root = Path(root).resolve()
            entries = []
            for number, source in enumerate(sources):
                path = root / "src" / f"part{number}" / "code.cc"
                path.parent.mkdir(parents=True)
                path.write_text(source, encoding="utf-8")
                command = f"clang++-14 -std=c++20 -o src/part{number}/CMakeFiles/part{number}.dir/code.o -c {path}"
                entries.append({"directory": str(root), "file": str(path), "command": command})
            (root / "compile_commands.json").write_text(json.dumps(entries), encoding="utf-8")
            out = io.StringIO()
            with (
                mock.patch.object(check_tidy, "ROOT", root),
                mock.patch.object(sys, "argv", ["check_tidy", str(root)]),
                contextlib.redirect_stdout(out),
            ):
                return check_tidy.main(), out.getvalue()

    def test_clean_files_read_together_are_clean(self):
        status, out = self.check([GOOD.format(namespace="a"), GOOD.format(namespace="b")])
        self.assertEqual((status, out), (0, "2 files in 1 groups: 0 with findings\n"))

    def test_a_fault_in_a_file_alone_is_found(self):
        status, out = self.check([FAULT.format(namespace="a")])
        self.assertEqual(status, 1)
        self.assertIn(FINDING, out)

    def test_a_fault_in_any_of_files_read_together_is_found(self):
        for place in range(3):
            sources = [GOOD.format(namespace=f"n{number}") for number in range(3)]
            sources[place] = FAULT.format(namespace=f"n{place}")
            status, out = self.check(sources)
            self.assertEqual(status, 1)
            self.assertIn(f"part{place}/code.cc", out)
            self.assertIn(FINDING, out)

    def test_files_whose_names_clash_are_read_apart(self):
        status, out = self.check([GOOD.format(namespace="a"), GOOD.format(namespace="a"), FAULT.format(namespace="b")])
        self.assertEqual(status, 1)
        self.assertIn("not together", out)
        self.assertIn(FINDING, out)


if __name__ == "__main__":
    unittest.main()
