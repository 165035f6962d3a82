// Adapters of random numbers, for tests.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "models/adapter/lora_adapter.h"

namespace hearth::testing {

// Of the base's matrices whose names hold one of `targets`, by their names.
inline models::LoraAdapter random_adapter(const models::Checkpoint& base,
                                          const std::vector<std::string>& targets, int64_t rank,
                                          uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, 0.2F);
  models::LoraAdapter adapter{"random", {}};
  for (const gguf::TensorInfo& tensor : base.tensors()) {
    for (const std::string& target : targets) {
      if (tensor.name.find("." + target + ".weight") == std::string_view::npos) continue;
      models::LoraMatrix matrix{
          std::string(tensor.name), rank, tensor.shape[0], tensor.shape[1], 0.5F, {}, {}};
      for (int64_t i = 0; i < rank * matrix.columns; ++i) matrix.a.push_back(normal(random));
      for (int64_t i = 0; i < rank * matrix.rows; ++i) matrix.b.push_back(normal(random));
      adapter.matrices.push_back(std::move(matrix));
    }
  }
  std::sort(adapter.matrices.begin(), adapter.matrices.end(),
            [](const auto& one, const auto& other) { return one.weight < other.weight; });
  return adapter;
}

inline const std::vector<std::string> kLlamaTargets = {"attn_q",   "attn_k", "attn_v",  "attn_output",
                                                       "ffn_gate", "ffn_up", "ffn_down"};

}  // namespace hearth::testing
