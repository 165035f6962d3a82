// Packs weights as GPTQ's and AWQ's quantisers do, written from docs/formats/gptq_awq.md one bit at a time,
// and says which values they stand for.
#pragma once

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "quant/half.h"
#include "tests/support/huggingface_folder.h"
#include "tests/support/safetensors_writer.h"

namespace hearth::testing {

struct PackingOptions {
  bool awq = false;
  uint32_t bits = 4;
  int64_t group_size = 128;    // -1: all
  bool second_format = false;  // GPTQ: gptq_v2
  bool desc_act = false;
  std::string scale_type = "F16";
};

// A matrix of random integers, zeros and scales.
class RandomPackedMatrix {
 public:
  RandomPackedMatrix(int64_t rows, int64_t columns, const PackingOptions& options, uint32_t seed)
      : options_(options), n_(rows), k_(columns) {
    std::mt19937 random(seed);
    const int64_t size = options.group_size == -1 ? columns : options.group_size;
    n_groups_ = (columns + size - 1) / size;
    for (int64_t k = 0; k < columns; ++k) group_of_.push_back(static_cast<int32_t>(k / size));
    if (options.desc_act) std::shuffle(group_of_.begin(), group_of_.end(), random);
    const uint32_t levels = 1U << options.bits;
    for (int64_t i = 0; i < k_ * n_; ++i) q_.push_back(static_cast<uint32_t>(random()) % levels);
    // Every zero that there is, 0 among them: as the first format stores it, that one wraps.
    for (int64_t i = 0; i < n_groups_ * n_; ++i)
      zeros_.push_back((static_cast<uint32_t>(i) * 7 + seed) % levels);
    const double deviation = 0.1 / levels;
    for (int64_t i = 0; i < n_groups_ * n_; ++i) {
      const auto scale =
          static_cast<float>(deviation * (0.5 + static_cast<double>(random() % 1000) / 1000.0));
      if (options.scale_type == "F16") scales_.push_back(quant::f32_to_f16(scale));
      if (options.scale_type == "BF16") scales_.push_back(quant::f32_to_bf16(scale));
    }
  }

  // [rows, columns], in float64, in which nothing is rounded.
  std::vector<double> values() const {
    std::vector<double> values;
    for (int64_t n = 0; n < n_; ++n) {
      for (int64_t k = 0; k < k_; ++k) {
        const auto at = static_cast<size_t>(group_of_[static_cast<size_t>(k)] * n_ + n);
        const uint16_t bits = scales_[at];
        const double scale =
            options_.scale_type == "F16" ? quant::f16_to_f32(bits) : quant::bf16_to_f32(bits);
        const double q = q_[static_cast<size_t>(k * n_ + n)];
        values.push_back(scale * (q - static_cast<double>(zeros_[at])));
      }
    }
    return values;
  }

  void set_zero(uint32_t zero) { std::fill(zeros_.begin(), zeros_.end(), zero); }

  std::vector<HuggingFaceTensor> tensors(const std::string& module) const {
    std::vector<HuggingFaceTensor> out;
    const int64_t word_columns = n_ * options_.bits / 32;
    const auto add = [&](const char* name, const std::string& dtype, std::vector<int64_t> shape,
                         std::string data) {
      out.push_back({module + name, dtype, std::move(shape), std::move(data)});
    };
    if (options_.awq) {
      add(".qweight", "I32", {k_, word_columns}, bytes_of(awq_words(q_, k_)));
      add(".qzeros", "I32", {n_groups_, word_columns}, bytes_of(awq_words(zeros_, n_groups_)));
    } else {
      add(".qweight", "I32", {k_ * options_.bits / 32, n_}, bytes_of(words_down_the_inputs()));
      add(".qzeros", "I32", {n_groups_, word_columns}, bytes_of(words_along_the_outputs()));
      add(".g_idx", "I32", {k_}, bytes_of(group_of_));
    }
    add(".scales", options_.scale_type, {n_groups_, n_}, bytes_of(scales_));
    return out;
  }

 private:
  // Bit b of value i of a stream stands in word (i * bits + b) / 32, at (i * bits + b) % 32.
  void put(std::vector<uint32_t>& words, size_t first, size_t stride, size_t i, uint32_t value) const {
    for (size_t b = 0; b < options_.bits; ++b) {
      const size_t at = i * options_.bits + b;
      if (value & 1U << b) words[first + at / 32 * stride] += 1U << at % 32;
    }
  }
  std::vector<uint32_t> words_down_the_inputs() const {
    std::vector<uint32_t> words(static_cast<size_t>(k_ * options_.bits / 32 * n_));
    for (int64_t n = 0; n < n_; ++n) {
      for (int64_t k = 0; k < k_; ++k) {
        put(words, static_cast<size_t>(n), static_cast<size_t>(n_), static_cast<size_t>(k),
            q_[static_cast<size_t>(k * n_ + n)]);
      }
    }
    return words;
  }
  std::vector<uint32_t> words_along_the_outputs() const {
    const size_t row_words = static_cast<size_t>(n_ * options_.bits / 32);
    const uint32_t levels = 1U << options_.bits;
    std::vector<uint32_t> words(static_cast<size_t>(n_groups_) * row_words);
    for (size_t g = 0; g < static_cast<size_t>(n_groups_); ++g) {
      for (size_t n = 0; n < static_cast<size_t>(n_); ++n) {
        const uint32_t zero = zeros_[g * static_cast<size_t>(n_) + n];
        put(words, g * row_words, 1, n, options_.second_format ? zero : (zero + levels - 1) % levels);
      }
    }
    return words;
  }
  // Nibble i of a word holds column [0, 2, 4, 6, 1, 3, 5, 7][i] of its eight.
  std::vector<uint32_t> awq_words(const std::vector<uint32_t>& values, int64_t rows) const {
    constexpr size_t kColumns[8] = {0, 2, 4, 6, 1, 3, 5, 7};
    std::vector<uint32_t> words;
    for (size_t row = 0; row < static_cast<size_t>(rows); ++row) {
      for (size_t c = 0; c < static_cast<size_t>(n_ / 8); ++c) {
        uint32_t word = 0;
        for (size_t i = 0; i < 8; ++i) {
          word |= values[row * static_cast<size_t>(n_) + 8 * c + kColumns[i]] << (4 * i);
        }
        words.push_back(word);
      }
    }
    return words;
  }

  PackingOptions options_;
  int64_t n_, k_, n_groups_ = 0;
  std::vector<int32_t> group_of_;
  std::vector<uint32_t> q_;      // [k, n]
  std::vector<uint32_t> zeros_;  // [group, n]
  std::vector<uint16_t> scales_;
};

// What config.json says of it.
inline nlohmann::json quantization_config(const PackingOptions& o) {
  if (o.awq) {
    return {{"quant_method", "awq"}, {"bits", o.bits},     {"group_size", o.group_size},
            {"version", "gemm"},     {"zero_point", true}, {"modules_to_not_convert", nullptr}};
  }
  return {{"quant_method", "gptq"},
          {"bits", o.bits},
          {"group_size", o.group_size},
          {"desc_act", o.desc_act},
          {"sym", false},
          {"checkpoint_format", o.second_format ? "gptq_v2" : "gptq"},
          {"true_sequential", true},
          {"damp_percent", 0.01}};
}

}  // namespace hearth::testing
