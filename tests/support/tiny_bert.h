// A BERT, or Nomic's variant, small enough to write in a test, with random weights, and what it must answer:
// a plain float64 forward pass, without batches or backends, written from the papers and the reference
// implementations' configuration.
#pragma once

#include "tests/support/random_weights.h"

namespace hearth::testing {

struct TinyBertShape {
  bool nomic = false;  // rotary embedding, gated SiLU and no biases, in place of what BERT has
  int64_t n_layers = 2;
  int64_t width = 64;
  int64_t ffn_width = 96;
  int64_t n_heads = 4;
  int64_t context_tokens = 128;
  int64_t n_token_types = 2;  // 0: no such tensor
  bool fused_qkv = false;
  int pooling_type = 1;  // 1 mean, 2 first, 3 last; -1: the file does not say

  const char* architecture() const { return nomic ? "nomic-bert" : "bert"; }
};

class TinyBert {
 public:
  static constexpr int64_t kVocabularySize = 4 + 26 + 26;  // [PAD] [UNK] [CLS] [SEP], letters, ##letters
  static constexpr int32_t kCls = 2;
  static constexpr int32_t kSep = 3;

  TinyBert(const TinyBertShape& shape, uint32_t seed, const MatrixCodec& codec = MatrixCodec::f32());

  // With a WordPiece vocabulary; `without` are metadata keys and tensors to leave out.
  GgufWriter gguf(const std::set<std::string>& without = {}) const;

  // The vector of a sequence, of unit length: [width].
  std::vector<double> encode(std::span<const int32_t> tokens) const;

 private:
  using Rows = std::vector<std::vector<double>>;

  std::vector<double> linear(const std::string& name, const std::vector<double>& x) const;
  void layer_norm(const std::string& name, std::vector<double>& x) const;
  void rotate(std::vector<double>& heads, size_t position) const;
  std::vector<double> feed_forward(const std::string& prefix, const std::vector<double>& x) const;
  Rows attention(const std::string& prefix, const Rows& x) const;

  const TinyBertShape shape_;
  RandomWeights weights_;
};

}  // namespace hearth::testing
