// The sizes of a decoder-only transformer, what its layers compute, and the tensors that it consists of. They
// have GGUF's names, shapes and meaning, so that what is trained is what models/ runs. By default it is a
// llama (arXiv:2302.13971).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "models/blocks/residual_layer.h"
#include "tensor/backend.h"

namespace hearth::train {

// What a layer knows of where tokens stand.
struct LayerPositions {
  int64_t window = 0;  // positions that a token sees, itself among them; 0: all
  // Of each pair of a head that turns (arXiv:2104.09864), the angle between neighbouring positions; the rest
  // of a head, behind them, does not turn.
  std::vector<double> frequencies;
  double magnitude = 1.0;  // of what turns, with which it is multiplied (arXiv:2309.00071)
  bool operator==(const LayerPositions&) const = default;
};

struct DecoderConfig {
  int64_t vocabulary = 0;
  int64_t width = 0;
  int64_t n_layers = 0;
  int64_t n_heads = 0;
  int64_t n_kv_heads = 0;
  int64_t ffn_width = 0;
  int64_t context_tokens = 0;  // the longest sequence
  double rope_base = 10000.0;
  double norm_epsilon = 1e-5;
  bool tied = true;  // the output matrix is that of the embeddings

  // What a llama has not.
  int64_t head_dim = 0;                        // 0: width / n_heads
  std::vector<LayerPositions> positions = {};  // of each layer; empty: all are seen, and turn by rope_base
  tensor::RopeStyle rope_style = tensor::RopeStyle::kInterleaved;
  bool fused_qkv = false;   // queries, keys and values one above the other in one matrix
  bool fused_gate = false;  // gate and up likewise
  bool qkv_bias = false;
  models::QkNorm qk_norm = models::QkNorm::kNone;
  models::NormPlacement norm_placement = models::NormPlacement::kBefore;
  tensor::Activation activation = tensor::Activation::kSilu;  // of the gate; or kGeluTanh
  double embedding_scale = 1.0;
  double residual_scale = 1.0;      // of what attention and feed-forward add
  double attention_scale = 0.0;     // of scores; 0: 1 / sqrt(size of a head)
  double attention_soft_cap = 0.0;  // scores become soft_cap * tanh(score / soft_cap); 0: they do not
  double logit_scale = 1.0;
  double logit_soft_cap = 0.0;  // likewise, behind the scale

  int64_t size_of_head() const noexcept { return head_dim > 0 ? head_dim : width / n_heads; }
  int64_t q_width() const noexcept { return n_heads * size_of_head(); }
  int64_t kv_width() const noexcept { return n_kv_heads * size_of_head(); }
  bool normalises_before() const noexcept { return norm_placement != models::NormPlacement::kAfter; }
  bool normalises_after() const noexcept { return norm_placement != models::NormPlacement::kBefore; }
};

inline constexpr int64_t kMostLayers = 1024;

// kInvalidArgument, naming the field, for sizes that make no model or one of more than 2^40 weights.
Result<void> check_config(const DecoderConfig& config);

// Of a layer: config.positions', or that all are seen, and pair i turns by rope_base^(-2 i / size of a head).
LayerPositions positions_of(const DecoderConfig& config, int64_t layer);

// A tensor of a model, row-major.
struct Parameter {
  std::string name;  // "blk.0.attn_q.weight"
  int64_t rows;      // outputs; of a vector 1
  int64_t columns;   // inputs
  bool is_matrix;
  int64_t begin;  // where a flat buffer of all of them has it
  size_t place;   // in DecoderLayout::parameters

  int64_t size() const noexcept { return rows * columns; }
};

// All tensors of a model; each part of it names its own by its place in `parameters`.
struct DecoderLayout {
  using Optional = std::optional<size_t>;
  // A matrix whose answer may get a bias.
  struct Projection {
    size_t weight;
    Optional bias;
  };
  struct Layer {
    Optional attn_norm;
    std::optional<Projection> qkv;  // in place of:
    Projection q, k, v;
    Optional q_norm, k_norm;
    size_t attn_output;
    Optional post_attn_norm;
    Optional ffn_norm;
    Optional gate_up;  // in place of:
    size_t gate, up;
    size_t down;
    Optional post_ffn_norm;
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
