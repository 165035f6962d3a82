// The golden answers of ../shared/data/golden: a token sequence, and beside each model llama.cpp's
// probabilities after every token.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <vector>

#include "tests/support/test_data.h"

namespace hearth::testing {

struct Golden {
  std::vector<int32_t> tokens;
  std::vector<float> probabilities;  // [tokens.size(), vocabulary]

  std::span<const float> probabilities_after(int64_t position) const {
    const size_t vocabulary = probabilities.size() / tokens.size();
    return std::span(probabilities).subspan(static_cast<size_t>(position) * vocabulary, vocabulary);
  }
};

inline std::vector<int32_t> golden_tokens() {
  const auto json = nlohmann::json::parse(read_file(test_data_folder() / "golden/golden.json"));
  return json.at("tokens").get<std::vector<int32_t>>();
}

inline Golden read_golden(std::filesystem::path gguf_path) {
  return {golden_tokens(), read_floats(gguf_path.replace_extension(".probs.f32"))};
}

// KL(expected || softmax(logits)) in nats.
template <typename Row>
double divergence(const Row& expected, std::span<const float> logits) {
  double max = logits[0];
  for (const float v : logits) max = std::max(max, static_cast<double>(v));
  double sum = 0;
  for (const float v : logits) sum += std::exp(static_cast<double>(v) - max);
  double kl = 0;
  for (size_t i = 0; i < logits.size(); ++i) {
    const auto p = static_cast<double>(expected[i]);
    if (p > 0) kl += p * (std::log(p) - (static_cast<double>(logits[i]) - max - std::log(sum)));
  }
  return kl;
}

}  // namespace hearth::testing
