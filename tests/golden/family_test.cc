// Families that differ from llama in how they are written down, or by factors that can be taken out of the
// weights, must answer as the llama does that they are made from. What cannot be written as a llama is proved
// by the ops' own tests and by model_golden_test.cc.
#include <gtest/gtest.h>

#include <cmath>

#include "backends/cpu/cpu_backend.h"
#include "engine/loaded_model.h"
#include "tests/support/tiny_llama.h"

namespace hearth {
namespace {

using testing::GgufWriter;
using testing::TinyLlama;
using testing::TinyLlamaShape;

std::string block(int64_t layer, const char* name) {
  return "blk." + std::to_string(layer) + "." + name;
}

std::vector<float> scaled(std::vector<float> values, float factor) {
  for (float& v : values) v *= factor;
  return values;
}

// Rows of heads in the order of RopeStyle::kHalves: pair i stands at (i, i + n / 2) instead of (2i, 2i + 1).
std::vector<float> with_halves(const std::vector<float>& rows, int64_t width, int64_t head_dim) {
  std::vector<float> out(rows.size());
  const auto row_bytes = static_cast<size_t>(width);
  const auto n = static_cast<size_t>(head_dim);
  for (size_t row = 0; row < rows.size() / row_bytes; ++row) {
    const size_t i = row % n;
    const size_t to = row - i + i / 2 + (i % 2) * (n / 2);
    std::copy_n(rows.begin() + static_cast<ptrdiff_t>(row * row_bytes), row_bytes,
                out.begin() + static_cast<ptrdiff_t>(to * row_bytes));
  }
  return out;
}

std::vector<float> joined(std::initializer_list<std::vector<float>> parts) {
  std::vector<float> out;
  for (const std::vector<float>& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

// Rows first .. first + count - 1.
std::vector<float> some_rows(const std::vector<float>& matrix, int64_t width, int64_t first, int64_t count) {
  const auto begin = matrix.begin() + first * width;
  return {begin, begin + count * width};
}

std::vector<float> transposed(const std::vector<float>& matrix, int64_t width) {
  const auto n_columns = static_cast<size_t>(width);
  const size_t n_rows = matrix.size() / n_columns;
  std::vector<float> out(matrix.size());
  for (size_t i = 0; i < matrix.size(); ++i) out[i % n_columns * n_rows + i / n_columns] = matrix[i];
  return out;
}

// The file with some of its matrices replaced by others.
class Rewritten {
 public:
  explicit Rewritten(const TinyLlama& tiny) : tiny_(tiny) {}

  const std::vector<float>& vector(const std::string& name) const { return tiny_.vector_values(name); }

  const std::vector<float>& take(const std::string& name) {
    taken_.insert(name);
    return tiny_.matrix_values(name);
  }
  void put(const std::string& name, const tensor::Shape& shape, std::vector<float> values) {
    put_.push_back({name, shape, std::move(values)});
  }
  void scale(const std::string& name, float factor) {
    put(name, tiny_.matrix_shape(name), scaled(take(name), factor));
  }
  GgufWriter gguf() const {
    GgufWriter writer = tiny_.gguf(taken_);
    for (const auto& [name, shape, values] : put_) writer.add_tensor(name, shape, values);
    return writer;
  }

 private:
  struct Put {
    std::string name;
    tensor::Shape shape;
    std::vector<float> values;
  };
  const TinyLlama& tiny_;
  std::set<std::string> taken_;
  std::vector<Put> put_;
};

// Largest KL(expected || model) in nats over the positions of a text.
double divergence(const GgufWriter& writer, const TinyLlama& expected, int64_t context_tokens = 256) {
  const std::string bytes = writer.build();
  auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf");
  EXPECT_TRUE(file);
  auto backend = cpu::make_cpu_backend({Isa::kScalar, 1});
  const auto model = engine::LoadedModel::load(std::move(*file), std::move(*backend),
                                               {.context_tokens = context_tokens, .max_sequences = 1});
  EXPECT_TRUE(model) << model.error().message();
  if (!model) return 1;
  std::vector<int32_t> tokens(50);
  for (size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<int32_t>((i * i * 7 + 3) % 285);
  const auto probabilities = expected.probabilities(tokens);
  double largest = 0;
  const auto status =
      (*model)->engine().evaluate(tokens, [&](int64_t position, std::span<const float> logits) {
        double sum = 0;
        for (const float v : logits) sum += std::exp(static_cast<double>(v));
        double kl = 0;
        for (size_t i = 0; i < logits.size(); ++i) {
          const double p = probabilities[static_cast<size_t>(position)][i];
          kl += p * (std::log(p) - static_cast<double>(logits[i]) + std::log(sum));
        }
        largest = std::max(largest, kl);
        return true;
      });
  EXPECT_TRUE(status);
  return largest;
}

constexpr double kRounding = 1e-6;  // F32, and a key or value now and then that it pushes to the next F16

TEST(Granite, FactorsTakenOutOfTheWeights_AnswersAsLlama) {
  const TinyLlama tiny({.architecture = "granite"}, 21);
  Rewritten file(tiny);
  file.scale("token_embd.weight", 1.0F / 8);
  file.scale("output.weight", 4.0F);
  for (int64_t i = 0; i < 2; ++i) {
    file.scale(block(i, "attn_output.weight"), 2.0F);
    file.scale(block(i, "ffn_down.weight"), 2.0F);
    file.scale(block(i, "attn_q.weight"), 4.0F);
  }
  GgufWriter writer = file.gguf();
  writer.add_f32("granite.embedding_scale", 8.0F).add_f32("granite.residual_scale", 0.5F);
  writer.add_f32("granite.attention.scale", 0.25F / 4).add_f32("granite.logit_scale", 4.0F);
  EXPECT_LE(divergence(writer, tiny), kRounding);
}

TEST(Granite, WithoutItsFactors_AnswersAsLlama) {
  const TinyLlama tiny({.architecture = "granite"}, 22);
  EXPECT_LE(divergence(tiny.gguf(), tiny), kRounding);
}

TEST(SmolLm3, OfThreeLayers_AnswersAsLlama_AndOfFourDoesNot) {
  const TinyLlama three({.architecture = "smollm3", .n_layers = 3, .tied = true}, 23);
  EXPECT_LE(divergence(three.gguf(), three), kRounding);
  const TinyLlama four({.architecture = "smollm3", .n_layers = 4, .tied = true}, 23);
  EXPECT_GT(divergence(four.gguf(), four), 1e-3) << "the fourth layer turned its queries";
}

// As qwen2, whose biases are zero except the given ones.
GgufWriter as_qwen2(const TinyLlama& tiny, float bias) {
  Rewritten file(tiny);
  for (int64_t i = 0; i < 2; ++i) {
    const std::string q = block(i, "attn_q.weight");
    const std::string k = block(i, "attn_k.weight");
    file.put(q, {64, 64}, with_halves(file.take(q), 64, 16));
    file.put(k, {32, 64}, with_halves(file.take(k), 64, 16));
    file.put(block(i, "attn_q.bias"), {64}, std::vector<float>(64, bias));
    file.put(block(i, "attn_k.bias"), {32}, std::vector<float>(32));
    file.put(block(i, "attn_v.bias"), {32}, std::vector<float>(32));
  }
  return file.gguf();
}

TEST(Qwen2, WithoutBias_AnswersAsLlama_AndWithOneDoesNot) {
  const TinyLlama tiny({.architecture = "qwen2"}, 24);
  EXPECT_LE(divergence(as_qwen2(tiny, 0.0F), tiny), kRounding);
  EXPECT_GT(divergence(as_qwen2(tiny, 1.0F), tiny), 1e-3);
}

GgufWriter as_phi3(const TinyLlama& tiny) {
  Rewritten file(tiny);
  for (int64_t i = 0; i < 2; ++i) {
    const std::vector<float> q = with_halves(file.take(block(i, "attn_q.weight")), 64, 16);
    const std::vector<float> k = with_halves(file.take(block(i, "attn_k.weight")), 64, 16);
    file.put(block(i, "attn_qkv.weight"), {128, 64}, joined({q, k, file.take(block(i, "attn_v.weight"))}));
    const std::vector<float> gate = file.take(block(i, "ffn_gate.weight"));
    file.put(block(i, "ffn_up.weight"), {192, 64}, joined({gate, file.take(block(i, "ffn_up.weight"))}));
  }
  return file.gguf();
}

TEST(Phi3, FusedTensors_AnswersAsLlama) {
  const TinyLlama tiny({.architecture = "phi3"}, 25);
  EXPECT_LE(divergence(as_phi3(tiny), tiny), kRounding);
}

TEST(Phi3, LongRope_TakesItsFactorsByTheContext) {
  const std::vector<float> short_factors{1, 1, 1.25F, 1.5F, 2, 2.5F, 3, 4};
  const std::vector<float> long_factors{1, 2, 3, 4, 8, 16, 32, 64};
  const TinyLlama without({.architecture = "phi3"}, 26);
  GgufWriter writer = as_phi3(without);
  writer.add_u32("phi3.rope.scaling.original_context_length", 64);
  writer.add_tensor("rope_factors_short.weight", {8}, short_factors);
  writer.add_tensor("rope_factors_long.weight", {8}, long_factors);
  // The same seed gives the same weights.
  const TinyLlama as_short({.rope_factors = short_factors}, 26);
  const TinyLlama as_long({.rope_factors = long_factors}, 26);
  EXPECT_LE(divergence(writer, as_short, /*context_tokens=*/64), kRounding);
  EXPECT_LE(divergence(writer, as_long, /*context_tokens=*/65), kRounding);
  EXPECT_GT(divergence(writer, as_long, /*context_tokens=*/64), 1e-3);
}

// A llama whose heads share one key and value, of which the first half turns, as latent attention: the latent
// vector is the layer's input, which the norm before it, undone by the projection, leaves as it is.
struct AsDeepSeek2 {
  bool query_rank = true;         // queries are projected twice too
  bool projections_apart = true;  // attn_k_b and attn_v_b; else attn_kv_b, as in old files
  float query_scale = 1.0F;

  static TinyLlamaShape shape() { return {.architecture = "deepseek2", .n_kv_heads = 1, .n_rotated = 8}; }

  GgufWriter gguf(const TinyLlama& tiny) const {
    Rewritten file(tiny);
    for (int64_t i = 0; i < 2; ++i) rewrite(file, i);
    GgufWriter writer = file.gguf();
    writer.add_u32("deepseek2.attention.kv_lora_rank", 64);
    if (query_rank) writer.add_u32("deepseek2.attention.q_lora_rank", 64);
    return writer;
  }

 private:
  void rewrite(Rewritten& file, int64_t i) const {
    const std::vector<float>& norm = file.vector(block(i, "attn_norm.weight"));
    std::vector<float> undo_norm(64 * 64);
    for (size_t j = 0; j < 64; ++j) undo_norm[j * 64 + j] = 1.0F / norm[j];

    std::vector<float> q;  // what turns comes last
    const std::vector<float> q_rows = scaled(file.take(block(i, "attn_q.weight")), query_scale);
    for (int64_t head = 0; head < 4; ++head) {
      q = joined({q, some_rows(q_rows, 64, head * 16 + 8, 8), some_rows(q_rows, 64, head * 16, 8)});
    }
    if (query_rank) {
      file.put(block(i, "attn_q_a.weight"), {64, 64}, undo_norm);
      file.put(block(i, "attn_q_a_norm.weight"), {64}, norm);
      file.put(block(i, "attn_q_b.weight"), {64, 64}, q);
    } else {
      file.put(block(i, "attn_q.weight"), {64, 64}, q);
    }

    const std::vector<float>& k = file.take(block(i, "attn_k.weight"));
    const std::vector<float>& v = file.take(block(i, "attn_v.weight"));
    const std::vector<float> turned = some_rows(k, 64, 0, 8);
    const std::vector<float> plain = some_rows(k, 64, 8, 8);
    file.put(block(i, "attn_kv_a_mqa.weight"), {72, 64}, joined({undo_norm, turned}));
    file.put(block(i, "attn_kv_a_norm.weight"), {64}, norm);
    if (projections_apart) {
      const std::vector<float> k_b = transposed(plain, 64);
      file.put(block(i, "attn_k_b.weight"), {4, 64, 8}, joined({k_b, k_b, k_b, k_b}));
      file.put(block(i, "attn_v_b.weight"), {4, 16, 64}, joined({v, v, v, v}));
    } else {
      file.put(block(i, "attn_kv_b.weight"), {96, 64}, joined({plain, v, plain, v, plain, v, plain, v}));
    }
  }
};

// The oracle rounds keys and values to F16, this model the vector that they are projections of.
constexpr double kLatentRounding = 1e-5;

TEST(DeepSeek2, LatentAttention_AnswersAsLlama) {
  const TinyLlama tiny(AsDeepSeek2::shape(), 27);
  for (const bool query_rank : {true, false}) {
    for (const bool projections_apart : {true, false}) {
      const AsDeepSeek2 form{query_rank, projections_apart};
      EXPECT_LE(divergence(form.gguf(tiny), tiny), kLatentRounding) << query_rank << projections_apart;
    }
  }
}

// A context stretched fourfold: all pairs but the first, which YaRN never touches, turn at a quarter of their
// speed, and scores are multiplied by (0.0707 ln(4) + 1)^2.
TEST(DeepSeek2, Yarn_StretchesPairsAndScores) {
  TinyLlamaShape shape = AsDeepSeek2::shape();
  const TinyLlama without(shape, 28);
  const double magnitude = 1 + 0.0707 * std::log(4.0);
  AsDeepSeek2 form;
  form.query_scale = static_cast<float>(1 / (magnitude * magnitude));
  GgufWriter writer = form.gguf(without);
  writer.add_string("deepseek2.rope.scaling.type", "yarn").add_f32("deepseek2.rope.scaling.factor", 4.0F);
  writer.add_u32("deepseek2.rope.scaling.original_context_length", 4);
  writer.add_f32("deepseek2.rope.scaling.yarn_log_multiplier", 0.0707F);
  shape.rope_factors = {1, 4, 4, 4};
  const TinyLlama stretched(shape, 28);  // the same seed gives the same weights
  EXPECT_LE(divergence(writer, stretched), kLatentRounding);
  EXPECT_GT(divergence(writer, without), 1e-3);
}

}  // namespace
}  // namespace hearth
