"""Each rule of check_layers.py, kept and broken, on small trees written for the purpose."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOL = Path(__file__).with_name("check_layers.py")


class CheckLayersTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        for name in (
            "include/hearth/hearth.h",
            "src/base/result.h",
            "src/tensor/backend.h",
            "src/quant/blocks.h",
            "src/formats/gguf/gguf.h",
            "src/text/tokenizer/tokenizer.h",
            "src/backends/cpu/cpu_backend.h",
            "src/backends/cpu/kernels.h",
            "src/backends/cpu/avx2/dot-inl.h",
            "src/backends/cuda/cuda_backend.h",
            "src/models/model.h",
            "src/sampling/sampler.h",
            "src/engine/engine.h",
            "src/cli/command.h",
            "tests/support/test_data.h",
        ):
            self.write(name, "#pragma once\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def check(self):
        done = subprocess.run(
            [sys.executable, TOOL, "--root", self.root], capture_output=True, text=True, check=False
        )
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def assert_kept(self):
        code, output = self.check()
        self.assertEqual((code, output.count("\n")), (0, 1), output)

    def assert_broken(self, *parts):
        """Exactly one breach, whose line holds each of `parts`."""
        code, output = self.check()
        self.assertEqual((code, output.count("\n")), (1, 1), output)
        for part in parts:
            self.assertIn(part, output)

    def test_includes_downwards_are_kept(self):
        self.write("src/engine/engine.cc", '#include "engine/engine.h"\n#include "models/model.h"\n')
        self.write("src/formats/gguf/gguf.cc", '#include "gguf.h"\n#include "quant/blocks.h"\n')
        self.write("apps/hearth/main.cc", '#include "backends/cpu/cpu_backend.h"\n#include "cli/command.h"\n')
        self.write("src/base/result.cc", '#include "base/result.h"\n#include <hearth/hearth.h>\n#include <vector>\n')
        self.assert_kept()

    def test_include_upwards_is_broken(self):
        self.write("src/base/a.cc", '#include <vector>\n\n  # include "tensor/backend.h"\n')
        self.assert_broken("src/base/a.cc:3: includes tensor/backend.h", "base stands below tensor")

    def test_public_header_including_code_is_broken(self):
        self.write("include/hearth/b.h", '#include "base/result.h"\n')
        self.assert_broken("include/hearth/b.h:1:", "include/hearth stands below base")

    def test_include_sideways_is_broken(self):
        self.write("src/text/a.cc", '#include "formats/gguf/gguf.h"\n')
        self.assert_broken("src/text/a.cc:1:", "text and formats stand on one level")

    def test_quant_including_formats_is_broken_although_the_reverse_is_kept(self):
        self.write("src/quant/a.cc", '#include "formats/gguf/gguf.h"\n')
        self.assert_broken("src/quant/a.cc:1:", "quant and formats stand on one level")

    def test_backend_including_models_is_broken(self):
        self.write("src/backends/cpu/a.cc", '#include "models/model.h"\n')
        self.assert_broken("src/backends/cpu/a.cc:1:", "backends and models stand on one level")

    def test_backend_including_another_is_broken(self):
        self.write("src/backends/cpu/a.cc", '#include "backends/cuda/cuda_backend.h"\n')
        self.assert_broken("names a concrete backend")

    def test_command_naming_a_backend_is_broken(self):
        self.write("src/cli/run.cc", '#include "backends/cpu/cpu_backend.h"\n')
        self.assert_broken("src/cli/run.cc:1:", "only apps names a concrete backend")

    def test_parent_folder_in_a_path_hides_nothing(self):
        self.write("src/base/a.cc", '#include "../engine/engine.h"\n')
        self.assert_broken("base stands below engine")

    def test_test_may_include_more(self):
        self.write(
            "src/base/a_test.cc", '#include "engine/engine.h"\n#include "tests/support/test_data.h"\n'
        )
        self.assert_kept()

    def test_code_including_test_support_is_broken(self):
        self.write("src/cli/a.cc", '#include "tests/support/test_data.h"\n')
        self.assert_broken("only tests include fixtures and test support")

    def test_fixture_may_include_test_support_and_only_tests_may_include_it(self):
        self.write("src/cli/a_fixture.h", '#include "tests/support/test_data.h"\n')
        self.write("src/cli/a_test.cc", '#include "cli/a_fixture.h"\n')
        self.assert_kept()
        self.write("src/cli/a.cc", '#include "cli/a_fixture.h"\n')
        self.assert_broken("src/cli/a.cc:1:", "only tests include fixtures")

    def test_folder_that_the_rule_does_not_know_is_broken(self):
        self.write("src/utils/a.cc", '#include "base/result.h"\n')
        self.assert_broken("src/utils is not in the levels")

    def test_missing_file_is_broken(self):
        self.write("src/base/a.cc", '#include "base/gone.h"\n')
        self.assert_broken("src/base/a.cc:1: includes base/gone.h", "no such file")

    def test_kernel_with_intrinsics_and_blocks_is_kept(self):
        self.write(
            "src/backends/cpu/avx2/dot.cc",
            "#include <immintrin.h>\n#include <cstdint>\n#include <cstddef>\n"
            '#include "backends/cpu/kernels.h"\n#include "quant/blocks.h"\n#include "dot-inl.h"\n',
        )
        self.assert_kept()

    def test_kernel_with_a_header_of_the_standard_library_is_broken(self):
        self.write("src/backends/cpu/avx512/dot.cc", "#include <immintrin.h>\n#include <algorithm>\n")
        self.assert_broken("src/backends/cpu/avx512/dot.cc:2: includes algorithm", "one instruction set")

    def test_kernel_with_another_header_of_ours_is_broken(self):
        self.write("src/backends/cpu/amx/tile.cc", '#include "tensor/backend.h"\n')
        self.assert_broken("src/backends/cpu/amx/tile.cc:1:", "one instruction set")

    def test_headers_that_kernels_include_are_held_to_their_rule(self):
        self.write("src/quant/blocks.h", "#include <vector>\n")
        self.assert_broken("src/quant/blocks.h:1: includes vector", "one instruction set")
        self.write("src/quant/blocks.h", "#include <cstdint>\n")
        self.write("src/backends/cpu/avx2/dot-inl.h", "#include <cmath>\n")
        self.assert_broken("src/backends/cpu/avx2/dot-inl.h:1: includes cmath")

    def test_code_that_instruction_sets_share_is_held_to_their_rule(self):
        self.write("src/backends/cpu/simd/norm-inl.h", '#include "../avx2/dot-inl.h"\n')
        self.write("src/backends/cpu/avx512/norm.cc", '#include "backends/cpu/simd/norm-inl.h"\n')
        self.assert_kept()
        self.write("src/backends/cpu/simd/norm-inl.h", "#include <cmath>\n")
        self.assert_broken("src/backends/cpu/simd/norm-inl.h:1: includes cmath")

    def test_kernels_for_every_processor_may_use_the_standard_library_but_not_lend_it(self):
        self.write("src/backends/cpu/ref/dot.cc", "#include <algorithm>\n")
        self.write("src/backends/cpu/scalar/dot-inl.h", "#include <cmath>\n")
        self.assert_kept()
        self.write("src/backends/cpu/avx2/dot.cc", '#include "backends/cpu/scalar/dot-inl.h"\n')
        self.assert_broken("src/backends/cpu/avx2/dot.cc:1: includes backends/cpu/scalar/dot-inl.h")

    def test_file_of_more_than_a_thousand_lines_is_broken(self):
        self.write("src/base/a.cc", "\n" * 1000)
        self.assert_kept()
        self.write("src/base/a.cc", "\n" * 1001)
        self.assert_broken("src/base/a.cc", "1001 lines")

    def test_more_than_one_long_file_in_ten_is_broken(self):
        self.write("tests/long_test.cc", "\n" * 501)
        self.assert_kept()
        self.write("src/base/long.cc", "\n" * 501)
        self.assert_broken("2 of 17 files", "tests/long_test.cc (501)", "src/base/long.cc (501)")

    def test_tree_without_code_is_broken(self):
        self.root = self.root / "empty"
        self.assert_broken("found no code")


if __name__ == "__main__":
    unittest.main()
