#include "tests/support/tiny_llama.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "quant/half.h"

namespace hearth::testing {
namespace {

constexpr double kEpsilon = 1e-5;

// Control tokens, a token for each byte, and the letters.
void add_vocabulary(GgufWriter& writer) {
  std::vector<std::string> tokens{"<unk>", "<s>", "</s>"};
  std::vector<int32_t> types{2, 3, 3};
  std::vector<float> scores(3, 0.0F);
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  for (size_t byte = 0; byte < 256; ++byte) {
    tokens.push_back(std::string("<0x") + kHex[byte / 16] + kHex[byte % 16] + ">");
    types.push_back(6);
    scores.push_back(0.0F);
  }
  for (char letter = 'a'; letter <= 'z'; ++letter) {
    tokens.emplace_back(1, letter);
    types.push_back(1);
    scores.push_back(-1.0F);
  }
  writer.add_string("tokenizer.ggml.model", "llama").add_strings("tokenizer.ggml.tokens", tokens);
  writer.add_array<float>("tokenizer.ggml.scores", scores)
      .add_array<int32_t>("tokenizer.ggml.token_type", types);
  writer.add_u32("tokenizer.ggml.bos_token_id", 1).add_u32("tokenizer.ggml.eos_token_id", 2);
  writer.add_u32("tokenizer.ggml.unknown_token_id", 0);
}

// The cache holds keys and values in F16, which is a part of what a model answers.
void round_to_f16(std::vector<double>& x) {
  for (double& v : x) v = static_cast<double>(quant::f16_to_f32(quant::f32_to_f16(static_cast<float>(v))));
}

std::string prefix_of(int64_t layer) {
  return "blk." + std::to_string(layer);
}

}  // namespace

TinyLlama::TinyLlama(const TinyLlamaShape& shape, uint32_t seed, const MatrixCodec& codec)
    : shape_(shape), weights_(seed, codec) {
  const int64_t w = shape.width;
  weights_.add_matrix("token_embd.weight", {kVocabularySize, w});
  for (int64_t i = 0; i < shape.n_layers; ++i) {
    const std::string p = prefix_of(i);
    weights_.add_vector(p + ".attn_norm.weight", w);
    weights_.add_vector(p + ".ffn_norm.weight", w);
    weights_.add_matrix(p + ".attn_q.weight", {shape.n_heads * shape.head_dim, w});
    weights_.add_matrix(p + ".attn_k.weight", {shape.n_kv_heads * shape.head_dim, w});
    weights_.add_matrix(p + ".attn_v.weight", {shape.n_kv_heads * shape.head_dim, w});
    weights_.add_matrix(p + ".attn_output.weight", {w, shape.n_heads * shape.head_dim});
    if (shape.n_experts == 0) {
      weights_.add_matrix(p + ".ffn_gate.weight", {shape.ffn_width, w});
      weights_.add_matrix(p + ".ffn_up.weight", {shape.ffn_width, w});
      weights_.add_matrix(p + ".ffn_down.weight", {w, shape.ffn_width});
    } else {
      weights_.add_matrix(p + ".ffn_gate_inp.weight", {shape.n_experts, w});
      weights_.add_matrix(p + ".ffn_gate_exps.weight", {shape.n_experts, shape.ffn_width, w});
      weights_.add_matrix(p + ".ffn_up_exps.weight", {shape.n_experts, shape.ffn_width, w});
      weights_.add_matrix(p + ".ffn_down_exps.weight", {shape.n_experts, w, shape.ffn_width});
    }
  }
  weights_.add_vector("output_norm.weight", w);
  if (!shape.tied) weights_.add_matrix("output.weight", {kVocabularySize, w});
}

GgufWriter TinyLlama::gguf(const std::set<std::string>& without) const {
  GgufWriter writer;
  const auto add_u32 = [&](const std::string& name, int64_t value) {
    const std::string key = shape_.architecture + name;
    if (!without.contains(key)) writer.add_u32(key, static_cast<uint32_t>(value));
  };
  const auto add_f32 = [&](const std::string& name, double value) {
    const std::string key = shape_.architecture + name;
    if (!without.contains(key)) writer.add_f32(key, static_cast<float>(value));
  };
  if (!without.contains("general.architecture"))
    writer.add_string("general.architecture", shape_.architecture);
  writer.add_string("general.name", "tiny");
  add_u32(".block_count", shape_.n_layers);
  add_u32(".context_length", shape_.context_tokens);
  add_u32(".embedding_length", shape_.width);
  add_u32(".feed_forward_length", shape_.ffn_width);
  add_u32(".attention.head_count", shape_.n_heads);
  add_u32(".attention.head_count_kv", shape_.n_kv_heads);
  add_u32(".attention.key_length", shape_.head_dim);
  add_u32(".attention.value_length", shape_.head_dim);
  add_u32(".rope.dimension_count", shape_.n_rotated);
  add_f32(".rope.freq_base", shape_.rope_base);
  add_f32(".attention.layer_norm_rms_epsilon", kEpsilon);
  if (shape_.n_experts > 0) {
    add_u32(".expert_count", shape_.n_experts);
    add_u32(".expert_used_count", shape_.n_experts_used);
  }
  add_vocabulary(writer);

  if (!shape_.rope_factors.empty()) {
    writer.add_tensor("rope_freqs.weight", {static_cast<int64_t>(shape_.rope_factors.size())},
                      shape_.rope_factors);
  }
  weights_.write(writer, without);
  return writer;
}

std::vector<double> TinyLlama::rms_norm(const std::string& name, std::span<const double> x) const {
  const std::vector<float>& weight = weights_.vector(name);
  double squares = 0;
  for (const double v : x) squares += v * v;
  const double scale = 1 / std::sqrt(squares / static_cast<double>(x.size()) +
                                     static_cast<double>(static_cast<float>(kEpsilon)));
  std::vector<double> out(x.begin(), x.end());
  for (size_t i = 0; i < out.size(); ++i) out[i] *= scale * static_cast<double>(weight[i]);
  return out;
}

// Each head's pairs (2i, 2i + 1) turn by position * base^(-2i / n) / factor.
void TinyLlama::rotate(std::span<double> heads, int64_t position) const {
  const auto head_dim = static_cast<size_t>(shape_.head_dim);
  const double base = static_cast<double>(static_cast<float>(shape_.rope_base));
  for (size_t head = 0; head < heads.size(); head += head_dim) {
    for (size_t i = 0; i < static_cast<size_t>(shape_.n_rotated) / 2; ++i) {
      double frequency =
          std::pow(base, -2.0 * static_cast<double>(i) / static_cast<double>(shape_.n_rotated));
      if (!shape_.rope_factors.empty()) frequency /= static_cast<double>(shape_.rope_factors[i]);
      const double angle = static_cast<double>(position) * frequency;
      double& a = heads[head + 2 * i];
      double& b = heads[head + 2 * i + 1];
      const double turned_a = a * std::cos(angle) - b * std::sin(angle);
      b = a * std::sin(angle) + b * std::cos(angle);
      a = turned_a;
    }
  }
}

std::vector<double> TinyLlama::feed_forward(const std::string& prefix, const std::vector<double>& x) const {
  const auto gated = [&](const std::string& suffix, int64_t expert) {
    std::vector<double> gate = weights_.matvec(prefix + ".ffn_gate" + suffix, x, expert);
    const std::vector<double> up = weights_.matvec(prefix + ".ffn_up" + suffix, x, expert);
    for (size_t i = 0; i < gate.size(); ++i) gate[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
    return weights_.matvec(prefix + ".ffn_down" + suffix, gate, expert);
  };
  if (shape_.n_experts == 0) return gated(".weight", 0);

  std::vector<double> shares = weights_.matvec(prefix + ".ffn_gate_inp.weight", x);
  softmax(shares);
  std::vector<int64_t> best(shares.size());
  std::iota(best.begin(), best.end(), int64_t{0});
  std::stable_sort(best.begin(), best.end(), [&](int64_t a, int64_t b) {
    return shares[static_cast<size_t>(a)] > shares[static_cast<size_t>(b)];
  });
  best.resize(static_cast<size_t>(shape_.n_experts_used));
  double total = 0;
  for (const int64_t e : best) total += shares[static_cast<size_t>(e)];
  std::vector<double> out(x.size());
  for (const int64_t e : best) {
    const std::vector<double> y = gated("_exps.weight", e);
    for (size_t i = 0; i < out.size(); ++i) out[i] += shares[static_cast<size_t>(e)] / total * y[i];
  }
  return out;
}

std::vector<std::vector<double>> TinyLlama::hidden(std::span<const int32_t> tokens) const {
  const auto head_dim = static_cast<size_t>(shape_.head_dim);
  const size_t heads_per_kv = static_cast<size_t>(shape_.n_heads / shape_.n_kv_heads);
  std::vector<std::vector<double>> residual;
  for (const int32_t token : tokens) residual.push_back(weights_.row("token_embd.weight", token));
  for (int64_t layer = 0; layer < shape_.n_layers; ++layer) {
    const std::string p = prefix_of(layer);
    std::vector<std::vector<double>> keys;
    std::vector<std::vector<double>> values;
    for (size_t t = 0; t < tokens.size(); ++t) {
      const std::vector<double> x = rms_norm(p + ".attn_norm.weight", residual[t]);
      std::vector<double> q = weights_.matvec(p + ".attn_q.weight", x);
      keys.push_back(weights_.matvec(p + ".attn_k.weight", x));
      values.push_back(weights_.matvec(p + ".attn_v.weight", x));
      rotate(q, static_cast<int64_t>(t));
      rotate(keys[t], static_cast<int64_t>(t));
      round_to_f16(keys[t]);
      round_to_f16(values[t]);

      std::vector<double> attended(q.size());
      for (size_t h = 0; h < static_cast<size_t>(shape_.n_heads); ++h) {
        const size_t kv = h / heads_per_kv * head_dim;
        std::vector<double> weights(t + 1);
        for (size_t s = 0; s <= t; ++s) {
          for (size_t i = 0; i < head_dim; ++i) weights[s] += q[h * head_dim + i] * keys[s][kv + i];
          weights[s] /= std::sqrt(static_cast<double>(head_dim));
        }
        softmax(weights);
        for (size_t s = 0; s <= t; ++s) {
          for (size_t i = 0; i < head_dim; ++i) attended[h * head_dim + i] += weights[s] * values[s][kv + i];
        }
      }
      const std::vector<double> out = weights_.matvec(p + ".attn_output.weight", attended);
      for (size_t i = 0; i < out.size(); ++i) residual[t][i] += out[i];
    }
    for (std::vector<double>& row : residual) {
      const std::vector<double> out = feed_forward(p, rms_norm(p + ".ffn_norm.weight", row));
      for (size_t i = 0; i < out.size(); ++i) row[i] += out[i];
    }
  }
  for (std::vector<double>& row : residual) row = rms_norm("output_norm.weight", row);
  return residual;
}

std::vector<std::vector<double>> TinyLlama::probabilities(std::span<const int32_t> tokens) const {
  std::vector<std::vector<double>> result;
  for (const std::vector<double>& row : hidden(tokens)) {
    result.push_back(weights_.matvec(shape_.tied ? "token_embd.weight" : "output.weight", row));
    softmax(result.back());
  }
  return result;
}

}  // namespace hearth::testing
