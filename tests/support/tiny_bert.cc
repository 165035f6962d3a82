#include "tests/support/tiny_bert.h"

#include <cmath>
#include <numbers>

namespace hearth::testing {
namespace {

constexpr float kEpsilon = 1e-12F;
constexpr float kRopeBase = 1000.0F;

std::string prefix_of(int64_t layer) {
  return "blk." + std::to_string(layer);
}

// In GGUF the pieces that begin a word carry U+2581, and those that continue one nothing.
void add_vocabulary(GgufWriter& writer, const std::set<std::string>& without) {
  std::vector<std::string> tokens{"[PAD]", "[UNK]", "[CLS]", "[SEP]"};
  std::vector<int32_t> types{3, 2, 3, 3};
  for (const std::string mark : {"\u2581", ""}) {
    for (char letter = 'a'; letter <= 'z'; ++letter) {
      tokens.push_back(mark + letter);
      types.push_back(1);
    }
  }
  if (!without.contains("tokenizer.ggml.model")) writer.add_string("tokenizer.ggml.model", "bert");
  writer.add_strings("tokenizer.ggml.tokens", tokens);
  writer.add_array<int32_t>("tokenizer.ggml.token_type", types);
  writer.add_u32("tokenizer.ggml.unknown_token_id", 1).add_u32("tokenizer.ggml.cls_token_id", TinyBert::kCls);
  writer.add_u32("tokenizer.ggml.seperator_token_id", TinyBert::kSep);
}

}  // namespace

TinyBert::TinyBert(const TinyBertShape& shape, uint32_t seed, const MatrixCodec& codec)
    : shape_(shape), weights_(seed, codec) {
  const int64_t w = shape.width;
  const auto add_linear = [&](const std::string& name, int64_t rows, int64_t columns) {
    weights_.add_matrix(name + ".weight", {rows, columns});
    if (!shape_.nomic) weights_.add_vector(name + ".bias", rows, 0.0F);
  };
  const auto add_norm = [&](const std::string& name) {
    weights_.add_vector(name + ".weight", w);
    weights_.add_vector(name + ".bias", w, 0.1F);
  };
  weights_.add_matrix("token_embd.weight", {kVocabularySize, w});
  if (shape.n_token_types > 0) weights_.add_matrix("token_types.weight", {shape.n_token_types, w});
  if (!shape.nomic) weights_.add_matrix("position_embd.weight", {shape.context_tokens, w});
  add_norm("token_embd_norm");
  for (int64_t i = 0; i < shape.n_layers; ++i) {
    const std::string p = prefix_of(i);
    if (shape.fused_qkv) {
      add_linear(p + ".attn_qkv", 3 * w, w);
    } else {
      for (const char* name : {".attn_q", ".attn_k", ".attn_v"}) add_linear(p + name, w, w);
    }
    add_linear(p + ".attn_output", w, w);
    add_norm(p + ".attn_output_norm");
    add_linear(p + ".ffn_up", shape.ffn_width, w);
    if (shape.nomic) add_linear(p + ".ffn_gate", shape.ffn_width, w);
    add_linear(p + ".ffn_down", w, shape.ffn_width);
    add_norm(p + ".layer_output_norm");
  }
}

GgufWriter TinyBert::gguf(const std::set<std::string>& without) const {
  GgufWriter writer;
  const std::string architecture = shape_.architecture();
  const auto add_u32 = [&](const std::string& key, int64_t value) {
    if (!without.contains(key)) writer.add_u32(key, static_cast<uint32_t>(value));
  };
  writer.add_string("general.architecture", architecture).add_string("general.name", "tiny");
  add_u32(architecture + ".block_count", shape_.n_layers);
  add_u32(architecture + ".context_length", shape_.context_tokens);
  add_u32(architecture + ".embedding_length", shape_.width);
  add_u32(architecture + ".feed_forward_length", shape_.ffn_width);
  add_u32(architecture + ".attention.head_count", shape_.n_heads);
  writer.add_f32(architecture + ".attention.layer_norm_epsilon", kEpsilon);
  writer.add_bool(architecture + ".attention.causal", false);
  if (shape_.nomic) writer.add_f32(architecture + ".rope.freq_base", kRopeBase);
  if (shape_.pooling_type >= 0) add_u32(architecture + ".pooling_type", shape_.pooling_type);
  if (shape_.n_token_types > 0) add_u32("tokenizer.ggml.token_type_count", shape_.n_token_types);
  add_vocabulary(writer, without);
  weights_.write(writer, without);
  return writer;
}

std::vector<double> TinyBert::linear(const std::string& name, const std::vector<double>& x) const {
  std::vector<double> out = weights_.matvec(name + ".weight", x);
  if (shape_.nomic) return out;
  const std::vector<float>& bias = weights_.vector(name + ".bias");
  for (size_t i = 0; i < out.size(); ++i) out[i] += static_cast<double>(bias[i]);
  return out;
}

void TinyBert::layer_norm(const std::string& name, std::vector<double>& x) const {
  const auto n = static_cast<double>(x.size());
  double mean = 0;
  for (const double v : x) mean += v / n;
  double variance = 0;
  for (const double v : x) variance += (v - mean) * (v - mean) / n;
  const std::vector<float>& weight = weights_.vector(name + ".weight");
  const std::vector<float>& bias = weights_.vector(name + ".bias");
  for (size_t i = 0; i < x.size(); ++i) {
    x[i] =
        (x[i] - mean) / std::sqrt(variance + static_cast<double>(kEpsilon)) * static_cast<double>(weight[i]) +
        static_cast<double>(bias[i]);
  }
}

// Each head's pairs (i, i + n / 2) turn by position * base^(-2i / n).
void TinyBert::rotate(std::vector<double>& heads, size_t position) const {
  const auto n = static_cast<size_t>(shape_.width / shape_.n_heads);
  for (size_t head = 0; head < heads.size(); head += n) {
    for (size_t i = 0; i < n / 2; ++i) {
      const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(n);
      const double angle = static_cast<double>(position) * std::pow(static_cast<double>(kRopeBase), exponent);
      double& a = heads[head + i];
      double& b = heads[head + i + n / 2];
      const double turned_a = a * std::cos(angle) - b * std::sin(angle);
      b = a * std::sin(angle) + b * std::cos(angle);
      a = turned_a;
    }
  }
}

// Every token attends to every other, itself among them.
TinyBert::Rows TinyBert::attention(const std::string& prefix, const Rows& x) const {
  const auto width = static_cast<size_t>(shape_.width);
  const auto head_dim = static_cast<size_t>(shape_.width / shape_.n_heads);
  Rows q(x.size()), k(x.size()), v(x.size());
  for (size_t t = 0; t < x.size(); ++t) {
    if (shape_.fused_qkv) {
      const std::vector<double> all = linear(prefix + ".attn_qkv", x[t]);
      const auto part = [&](size_t i) {
        const auto first = all.begin() + static_cast<std::ptrdiff_t>(i * width);
        return std::vector<double>(first, first + static_cast<std::ptrdiff_t>(width));
      };
      q[t] = part(0);
      k[t] = part(1);
      v[t] = part(2);
    } else {
      q[t] = linear(prefix + ".attn_q", x[t]);
      k[t] = linear(prefix + ".attn_k", x[t]);
      v[t] = linear(prefix + ".attn_v", x[t]);
    }
    if (shape_.nomic) {
      rotate(q[t], t);
      rotate(k[t], t);
    }
  }
  Rows out(x.size(), std::vector<double>(width));
  for (size_t t = 0; t < x.size(); ++t) {
    for (size_t head = 0; head < width; head += head_dim) {
      std::vector<double> shares(x.size());
      for (size_t s = 0; s < x.size(); ++s) {
        for (size_t i = head; i < head + head_dim; ++i) shares[s] += q[t][i] * k[s][i];
        shares[s] /= std::sqrt(static_cast<double>(head_dim));
      }
      softmax(shares);
      for (size_t s = 0; s < x.size(); ++s) {
        for (size_t i = head; i < head + head_dim; ++i) out[t][i] += shares[s] * v[s][i];
      }
    }
    out[t] = linear(prefix + ".attn_output", out[t]);
  }
  return out;
}

std::vector<double> TinyBert::feed_forward(const std::string& prefix, const std::vector<double>& x) const {
  std::vector<double> inner = linear(prefix + ".ffn_up", x);
  if (shape_.nomic) {
    const std::vector<double> gate = linear(prefix + ".ffn_gate", x);
    for (size_t i = 0; i < inner.size(); ++i) inner[i] *= gate[i] / (1 + std::exp(-gate[i]));
  } else {
    for (double& v : inner) v = v / 2 * (1 + std::erf(v / std::numbers::sqrt2));
  }
  return linear(prefix + ".ffn_down", inner);
}

std::vector<double> TinyBert::encode(std::span<const int32_t> tokens) const {
  const auto add = [](std::vector<double>& x, const std::vector<double>& y) {
    for (size_t i = 0; i < x.size(); ++i) x[i] += y[i];
  };
  Rows x;
  for (size_t t = 0; t < tokens.size(); ++t) {
    std::vector<double>& row = x.emplace_back(weights_.row("token_embd.weight", tokens[t]));
    if (shape_.n_token_types > 0) add(row, weights_.row("token_types.weight", 0));
    if (!shape_.nomic) add(row, weights_.row("position_embd.weight", static_cast<int64_t>(t)));
    layer_norm("token_embd_norm", row);
  }
  for (int64_t layer = 0; layer < shape_.n_layers; ++layer) {
    const std::string p = prefix_of(layer);
    const Rows attended = attention(p, x);
    for (size_t t = 0; t < x.size(); ++t) {
      add(x[t], attended[t]);
      layer_norm(p + ".attn_output_norm", x[t]);
      add(x[t], feed_forward(p, x[t]));
      layer_norm(p + ".layer_output_norm", x[t]);
    }
  }
  std::vector<double> pooled(x[0].size());
  if (shape_.pooling_type == 2) pooled = x.front();
  if (shape_.pooling_type == 3) pooled = x.back();
  if (shape_.pooling_type == 1 || shape_.pooling_type == -1) {
    for (const std::vector<double>& row : x) add(pooled, row);
    for (double& v : pooled) v /= static_cast<double>(x.size());
  }
  double squares = 0;
  for (const double v : pooled) squares += v * v;
  for (double& v : pooled) v /= std::sqrt(squares);
  return pooled;
}

}  // namespace hearth::testing
