// BERT and Nomic's variant of it: encoders with a norm behind attention and behind the feed-forward. BERT
// learns a vector for each position, Nomic turns queries and keys, gates the feed-forward and has no biases
// but those of the norms. Source: arXiv:1810.04805, arXiv:2402.01613, and the reference implementations in
// Transformers and sentence-transformers.
#include <algorithm>
#include <numeric>
#include <optional>

#include "models/blocks/attention.h"
#include "models/blocks/mlp.h"
#include "models/blocks/norm.h"
#include "models/registry.h"
#include "models/transformer.h"

namespace hearth::models {
namespace {

using tensor::Tensor;

struct BertConfig {
  TransformerConfig transformer;
  int64_t n_token_types = 0;  // 0: none
  Pooling pooling = Pooling::kMean;
  AttentionConfig attention;
  MlpConfig mlp;
};

// x = norm(x + attention(x)); x = norm(x + mlp(x)).
class BertLayer {
 public:
  // Reads what attention and feed-forward read, and PREFIX.{attn,layer}_output_norm.{weight,bias}.
  static Result<BertLayer> load(WeightReader& weights, const std::string& prefix, const BertConfig& c) {
    BertLayer layer;
    const NormConfig& norm = c.transformer.norm;
    const int64_t width = c.transformer.width;
    HEARTH_ASSIGN(layer.attention_, Attention::load(weights, prefix, c.attention));
    HEARTH_ASSIGN(layer.after_attention_, Norm::load(weights, prefix + ".attn_output_norm", width, norm));
    HEARTH_ASSIGN(layer.mlp_, Mlp::load(weights, prefix, c.mlp));
    HEARTH_ASSIGN(layer.after_mlp_, Norm::load(weights, prefix + ".layer_output_norm", width, norm));
    return layer;
  }

  size_t workspace_bytes(int64_t n_rows) const {
    return std::max(attention_.workspace_bytes(n_rows), mlp_.workspace_bytes(n_rows));
  }

  // x, branch [n, width]; x in place, branch is scratch.
  void apply(const StepContext& step, const tensor::PagedKv& kv, const Tensor& x,
             const Tensor& branch) const {
    attention_.apply(step, kv, x, branch);
    step.backend.add(x, branch);
    after_attention_.apply(step, x, x);
    mlp_.apply(step, x, branch);
    step.backend.add(x, branch);
    after_mlp_.apply(step, x, x);
  }

 private:
  Attention attention_;
  Norm after_attention_;
  Mlp mlp_;
  Norm after_mlp_;
};

int64_t kv_blocks(int64_t n_tokens) {
  return (n_tokens + kKvBlockTokens - 1) / kKvBlockTokens;
}

// Sequences side by side: a row a token, and blocks for the keys and values of each.
struct Layout {
  explicit Layout(std::span<const std::vector<int32_t>> sequences) {
    for (const std::vector<int32_t>& sequence : sequences) {
      const auto n = static_cast<int64_t>(sequence.size());
      std::vector<int32_t>& table = tables.emplace_back(static_cast<size_t>(kv_blocks(n)));
      std::iota(table.begin(), table.end(), static_cast<int32_t>(n_blocks));
      rows.push_back({static_cast<int64_t>(tokens.size()), n, 0, {}});
      tokens.insert(tokens.end(), sequence.begin(), sequence.end());
      for (int64_t i = 0; i < n; ++i) positions.push_back(static_cast<int32_t>(i));
      n_blocks += kv_blocks(n);
    }
    for (size_t i = 0; i < rows.size(); ++i) rows[i].block_table = tables[i];
  }

  std::vector<int32_t> tokens;
  std::vector<int32_t> positions;
  std::vector<tensor::SequenceRows> rows;
  std::vector<std::vector<int32_t>> tables;
  int64_t n_blocks = 0;
};

class Bert : public Encoder {
 public:
  Bert(tensor::Backend& backend, const BertConfig& config) : backend_(backend), config_(config) {}

  Result<void> load(WeightReader& weights);
  void describe(const Checkpoint& checkpoint, const WeightReader& weights);

  const EncoderInfo& info() const noexcept override { return info_; }

  size_t workspace_bytes(std::span<const int64_t> sequence_tokens) const override {
    int64_t n_rows = 0;
    int64_t n_blocks = 0;
    for (const int64_t n : sequence_tokens) {
      n_rows += n;
      n_blocks += kv_blocks(n);
    }
    size_t layer = 0;
    for (const BertLayer& l : layers_) layer = std::max(layer, l.workspace_bytes(n_rows));
    return 2 * Workspace::bytes_for({n_rows, config_.transformer.width}) +
           Workspace::bytes_for(key_shape(n_blocks)) + Workspace::bytes_for(value_shape(n_blocks)) + layer;
  }

 protected:
  Result<std::vector<float>> encode_tokens(std::span<const std::vector<int32_t>> sequences) override;

 private:
  tensor::Shape key_shape(int64_t n_blocks) const {
    return {n_blocks, config_.attention.n_kv_heads, kKvBlockTokens, config_.attention.head_dim};
  }
  tensor::Shape value_shape(int64_t n_blocks) const {
    return {n_blocks, config_.attention.n_kv_heads, kKvBlockTokens, config_.attention.v_head_dim};
  }
  void embed(const StepContext& step, const Tensor& x, const Tensor& scratch) const;

  tensor::Backend& backend_;
  const BertConfig config_;
  EncoderInfo info_;
  Tensor embedding_;
  std::optional<Tensor> token_types_, positions_;
  Norm embedding_norm_;
  std::vector<BertLayer> layers_;
};

Result<void> Bert::load(WeightReader& weights) {
  const TransformerConfig& c = config_.transformer;
  HEARTH_ASSIGN(embedding_, weights.matrix("token_embd.weight", {c.vocabulary_size, c.width}));
  if (config_.n_token_types > 0) {
    HEARTH_ASSIGN(token_types_, weights.matrix("token_types.weight", {config_.n_token_types, c.width}));
  }
  if (c.learned_positions) {
    HEARTH_ASSIGN(positions_, weights.matrix("position_embd.weight", {c.context_tokens, c.width}));
  }
  HEARTH_ASSIGN(embedding_norm_, Norm::load(weights, "token_embd_norm", c.width, c.norm));
  for (int64_t i = 0; i < c.n_layers; ++i) {
    HEARTH_ASSIGN(BertLayer layer, BertLayer::load(weights, fmt::format("blk.{}", i), config_));
    layers_.push_back(std::move(layer));
  }
  return weights.check_all_used();
}

void Bert::describe(const Checkpoint& checkpoint, const WeightReader& weights) {
  info_.architecture = std::string(checkpoint.string_or("general.architecture", "").value_or(""));
  info_.name = std::string(checkpoint.string_or("general.name", "").value_or(""));
  info_.context_tokens = config_.transformer.context_tokens;
  info_.vocabulary_size = config_.transformer.vocabulary_size;
  info_.width = config_.transformer.width;
  info_.pooling = config_.pooling;
  for (const gguf::TensorInfo& t : checkpoint.tensors())
    info_.n_parameters += static_cast<uint64_t>(t.shape.n_elements());
  info_.weight_bytes = weights.bytes_read();
}

// A text is all of one piece, so every token is of type 0.
void Bert::embed(const StepContext& step, const Tensor& x, const Tensor& scratch) const {
  backend_.embed(embedding_, step.input.tokens, x);
  if (token_types_) {
    const std::vector<int32_t> types(step.input.tokens.size(), 0);
    backend_.embed(*token_types_, types, scratch);
    backend_.add(x, scratch);
  }
  if (positions_) {
    backend_.embed(*positions_, step.input.positions, scratch);
    backend_.add(x, scratch);
  }
  embedding_norm_.apply(step, x, x);
}

Result<std::vector<float>> Bert::encode_tokens(std::span<const std::vector<int32_t>> sequences) {
  std::vector<int64_t> lengths;
  for (const std::vector<int32_t>& sequence : sequences)
    lengths.push_back(static_cast<int64_t>(sequence.size()));
  const Layout layout(sequences);
  HEARTH_ASSIGN(Workspace workspace, Workspace::create(backend_, workspace_bytes(lengths)));
  StepInput input{layout.tokens, layout.positions, {}, {}};
  input.n_prefill_rows = static_cast<int64_t>(layout.tokens.size());
  const StepContext step{backend_, workspace, input, layout.rows};
  const tensor::Shape shape{step.n_rows(), config_.transformer.width};
  const Tensor x = workspace.take(shape);
  const Tensor branch = workspace.take(shape);
  const tensor::PagedKv kv{workspace.take(key_shape(layout.n_blocks)),
                           workspace.take(value_shape(layout.n_blocks))};
  embed(step, x, branch);
  for (const BertLayer& layer : layers_) layer.apply(step, kv, x, branch);
  std::vector<float> rows(static_cast<size_t>(shape.n_elements()));
  backend_.read(x, rows);
  return rows;
}

Result<BertConfig> read_bert_config(const Checkpoint& checkpoint, const WeightReader& weights) {
  const ConfigReader reader(checkpoint);
  BertConfig c;
  HEARTH_TRY(reader.refuse_if_set("attention.causal"));
  HEARTH_ASSIGN(const NormConfig norm, read_norm_config(reader, NormKind::kLayer, /*bias=*/true));
  HEARTH_ASSIGN(c.transformer, read_transformer_config(reader, norm, {"attention.causal"}));
  // Without the key, the mean: what sentence-transformers makes of a plain BERT.
  HEARTH_ASSIGN(const std::optional<Pooling> pooling, declared_pooling(checkpoint));
  if (!pooling && reader.has("pooling_type")) {
    return Error(ErrorCode::kUnsupported,
                 reader.error("pooling_type", "1 (mean), 2 (first token) or 3 (last token)", 0).message());
  }
  c.pooling = pooling.value_or(Pooling::kMean);
  if (weights.has("token_types.weight")) {
    HEARTH_ASSIGN(const uint64_t n_types, checkpoint.u64("tokenizer.ggml.token_type_count"));
    if (n_types == 0 || n_types > static_cast<uint64_t>(ConfigReader::kMaxCount)) {
      return make_error(ErrorCode::kMalformed, "{}: metadata {}: expected 1 to {}, found {}",
                        checkpoint.name(), "tokenizer.ggml.token_type_count", ConfigReader::kMaxCount,
                        n_types);
    }
    c.n_token_types = static_cast<int64_t>(n_types);
  }
  HEARTH_ASSIGN(c.attention, read_attention_config(reader, c.transformer.width));
  c.attention.causal = false;
  c.attention.fused_qkv = weights.has("blk.0.attn_qkv.weight");
  c.mlp.width = c.transformer.width;
  HEARTH_ASSIGN(c.mlp.ffn_width, reader.count("feed_forward_length"));
  return c;
}

Result<std::unique_ptr<Encoder>> load(const Checkpoint& checkpoint, tensor::Backend& backend,
                                      WeightReader& weights, const BertConfig& config) {
  auto bert = std::make_unique<Bert>(backend, config);
  HEARTH_TRY(bert->load(weights));
  bert->describe(checkpoint, weights);
  return std::unique_ptr<Encoder>(std::move(bert));
}

}  // namespace

Result<std::unique_ptr<Encoder>> load_bert(const EncoderSource& source) {
  WeightReader weights(source.file, source.backend);
  HEARTH_ASSIGN(BertConfig config, read_bert_config(source.file, weights));
  config.transformer.learned_positions = true;
  config.attention.qkv_bias = Bias::kRequired;
  config.attention.output_bias = Bias::kRequired;
  config.mlp.form = MlpForm::kPlain;
  config.mlp.activation = tensor::Activation::kGeluErf;
  config.mlp.bias = Bias::kRequired;
  return load(source.file, source.backend, weights, config);
}

Result<std::unique_ptr<Encoder>> load_nomic_bert(const EncoderSource& source) {
  WeightReader weights(source.file, source.backend);
  HEARTH_ASSIGN(BertConfig config, read_bert_config(source.file, weights));
  const ConfigReader reader(source.file);
  HEARTH_ASSIGN(const RopeConfig rope,
                read_rope_config(source.file, reader.architecture(), config.attention.head_dim,
                                 config.transformer.context_tokens));
  HEARTH_ASSIGN(config.attention.rope, read_rope(weights, rope, tensor::RopeStyle::kHalves));
  config.attention.qkv_bias = Bias::kOptional;
  config.attention.output_bias = Bias::kOptional;
  config.mlp.form = MlpForm::kGated;
  config.mlp.activation = tensor::Activation::kSilu;
  config.mlp.bias = Bias::kOptional;
  return load(source.file, source.backend, weights, config);
}

}  // namespace hearth::models
