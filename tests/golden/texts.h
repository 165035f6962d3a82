// The texts that tokenizers are held to.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/test_data.h"

namespace hearth::testing {

// Of tokenizers/cases/NAME.inp, in which "\n__ggml_vocab_test__\n" follows each.
inline std::vector<std::string> read_texts(const std::filesystem::path& path) {
  constexpr std::string_view kSeparator = "\n__ggml_vocab_test__\n";
  const std::string all = read_file(path);
  std::vector<std::string> texts;
  for (size_t at = 0, end = 0; (end = all.find(kSeparator, at)) != std::string::npos;
       at = end + kSeparator.size()) {
    texts.push_back(all.substr(at, end - at));
  }
  return texts;
}

}  // namespace hearth::testing
