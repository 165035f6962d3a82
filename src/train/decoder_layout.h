// The sizes of a model of the llama family, and the tensors that it consists of. Source: arXiv:2302.13971.
// They have GGUF's names, shapes and meaning, so that what is trained is what models/decoder.cc runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace hearth::train {

struct DecoderConfig {
  int64_t vocabulary = 0;
  int64_t width = 0;
  int64_t n_layers = 0;
  int64_t n_heads = 0;  // of width / n_heads each
  int64_t n_kv_heads = 0;
  int64_t ffn_width = 0;
  int64_t context_tokens = 0;  // the longest sequence
  double rope_base = 10000.0;
  // Of each pair of a head, the angle between neighbouring positions; empty: rope_base's.
  std::vector<double> rope_frequencies = {};
  double norm_epsilon = 1e-5;
  bool tied = true;  // the output matrix is that of the embeddings
};

// kInvalidArgument, naming the field, for sizes that make no model or one of more than 2^40 weights.
Result<void> check_config(const DecoderConfig& config);

// rope_frequencies, or those that rope_base makes: rope_base^(-2 i / size of a head) of pair i.
std::vector<double> rope_frequencies(const DecoderConfig& config);

// A tensor of a model, row-major.
struct Parameter {
  std::string name;  // "blk.0.attn_q.weight"
  int64_t rows;      // outputs; of a norm's vector 1
  int64_t columns;   // inputs
  bool is_matrix;
  int64_t begin;  // where a flat buffer of all of them has it
  size_t place;   // in DecoderLayout::parameters

  int64_t size() const noexcept { return rows * columns; }
};

// All tensors of a model; each part of it names its own by its place in `parameters`.
struct DecoderLayout {
  struct Layer {
    size_t attn_norm, q, k, v, attn_output, ffn_norm, gate, up, down;
  };
  explicit DecoderLayout(const DecoderConfig& config);

  std::vector<Parameter> parameters;  // one after the other
  size_t embedding;
  std::vector<Layer> layers;
  size_t output_norm;
  size_t output;  // the embedding's, where they are tied
  int64_t n_weights = 0;
};

}  // namespace hearth::train
