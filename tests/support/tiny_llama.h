// A llama model small enough to write in a test, with random weights, and what it must answer: a plain
// float64 forward pass over whole sequences, without cache, batches or backends, written from the papers.
#pragma once

#include "tests/support/random_weights.h"

namespace hearth::testing {

struct TinyLlamaShape {
  std::string architecture = "llama";  // as the file says
  int64_t n_layers = 2;
  int64_t width = 64;
  int64_t ffn_width = 96;
  int64_t n_heads = 4;
  int64_t n_kv_heads = 2;
  int64_t head_dim = 16;
  int64_t n_rotated = 16;
  int64_t context_tokens = 256;
  bool tied = false;
  int64_t n_experts = 0;
  int64_t n_experts_used = 0;
  double rope_base = 10000.0;
  std::vector<float> rope_factors = {};  // empty, or [n_rotated / 2]
};

class TinyLlama {
 public:
  static constexpr int64_t kVocabularySize = 3 + 256 + 26;  // <unk> <s> </s>, bytes, letters

  TinyLlama(const TinyLlamaShape& shape, uint32_t seed, const MatrixCodec& codec = MatrixCodec::f32());

  // The model with an SPM vocabulary; `without` are metadata keys and tensors to leave out.
  GgufWriter gguf(const std::set<std::string>& without = {}) const;

  // A tensor's shape and values, for tests that write it differently.
  const tensor::Shape& matrix_shape(const std::string& name) const { return weights_.shape(name); }
  const std::vector<float>& matrix_values(const std::string& name) const { return weights_.matrix(name); }
  const std::vector<float>& vector_values(const std::string& name) const { return weights_.vector(name); }

  // The state of each token that the output matrix is multiplied with: [tokens.size()][width].
  std::vector<std::vector<double>> hidden(std::span<const int32_t> tokens) const;
  // The softmax after each token: [tokens.size()][kVocabularySize].
  std::vector<std::vector<double>> probabilities(std::span<const int32_t> tokens) const;

 private:
  std::vector<double> rms_norm(const std::string& name, std::span<const double> x) const;
  std::vector<double> feed_forward(const std::string& prefix, const std::vector<double>& x) const;
  void rotate(std::span<double> heads, int64_t position) const;

  const TinyLlamaShape shape_;
  RandomWeights weights_;
};

}  // namespace hearth::testing
