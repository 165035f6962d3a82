// Encoders against a float64 forward pass written out in tests/support, and what is refused.
#include "models/encoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "backends/cpu/cpu_backend.h"
#include "base/cpu.h"
#include "models/model.h"
#include "quant/quant.h"
#include "tests/support/tested_isas.h"
#include "tests/support/tiny_bert.h"
#include "tests/support/tiny_llama.h"

namespace hearth::models {
namespace {

using testing::GgufWriter;
using testing::MatrixCodec;
using testing::TinyBert;
using testing::TinyBertShape;

// An encoder and what it is made of.
struct Machine {
  explicit Machine(const GgufWriter& writer, Isa isa = Isa::kScalar, int n_threads = 1)
      : bytes(writer.build()),
        checkpoint(*gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf")),
        backend(*cpu::make_cpu_backend({isa, n_threads})) {
    auto loaded = load_encoder(checkpoint, *backend);
    if (loaded) {
      encoder = std::move(*loaded);
    } else {
      error = loaded.error();
    }
  }

  std::string bytes;
  GgufCheckpoint checkpoint;
  std::unique_ptr<tensor::Backend> backend;
  std::unique_ptr<Encoder> encoder;
  Error error{ErrorCode::kInvalidArgument, ""};
};

std::vector<int32_t> some_tokens(size_t n, uint32_t seed) {
  std::vector<int32_t> tokens(n);
  for (int32_t& token : tokens) {
    seed = seed * 1664525U + 1013904223U;
    token = static_cast<int32_t>((seed >> 8) % TinyBert::kVocabularySize);
  }
  return tokens;
}

std::vector<std::vector<int32_t>> some_sequences() {
  std::vector<std::vector<int32_t>> sequences;
  for (const size_t n : {1, 2, 31, 32, 33, 128, 5, 100, 128, 128}) {
    sequences.push_back(some_tokens(n, static_cast<uint32_t>(sequences.size())));
  }
  return sequences;
}

struct Distance {
  double cosine = 0;  // 1 - cos, the largest
  double error = 0;   // of one number, the largest
};

Distance distance(const TinyBert& expected, Encoder& encoder) {
  const auto sequences = some_sequences();
  const auto vectors = encoder.encode(sequences);
  EXPECT_TRUE(vectors) << (vectors ? "" : vectors.error().message());
  if (!vectors) return {2, 2};
  EXPECT_EQ(vectors->size(), sequences.size());
  Distance largest;
  for (size_t s = 0; s < sequences.size(); ++s) {
    const std::vector<double> wanted = expected.encode(sequences[s]);
    const std::vector<float>& found = (*vectors)[s];
    EXPECT_EQ(found.size(), wanted.size());
    double product = 0;
    double squares = 0;
    for (size_t i = 0; i < wanted.size(); ++i) {
      const auto x = static_cast<double>(found[i]);
      product += wanted[i] * x;
      squares += x * x;
      largest.error = std::max(largest.error, std::abs(wanted[i] - x));
    }
    EXPECT_NEAR(squares, 1.0, 1e-6);
    largest.cosine = std::max(largest.cosine, 1 - product / std::sqrt(squares));
  }
  return largest;
}

class EncoderOnIsa : public ::testing::TestWithParam<Isa> {};
INSTANTIATE_TEST_SUITE_P(Isas, EncoderOnIsa, ::testing::ValuesIn(testing::tested_isas()),
                         [](const auto& set) { return std::string(isa_name(set.param)); });

const std::pair<const char*, TinyBertShape> kShapes[] = {
    {"bert", {}},
    {"bert, first token", {.pooling_type = 2}},
    {"bert, last token", {.pooling_type = 3}},
    {"bert, pooling unsaid", {.pooling_type = -1}},
    {"bert, fused", {.fused_qkv = true}},
    {"bert, no types, odd widths", {.width = 42, .ffn_width = 50, .n_heads = 3, .n_token_types = 0}},
    {"nomic", {.nomic = true, .fused_qkv = true}},
    {"nomic, apart", {.nomic = true, .n_layers = 3, .n_heads = 2, .pooling_type = 2}},
};

// Everything is computed in F32, of which the largest error of a number is a few roundings.
TEST_P(EncoderOnIsa, TinyEncoders_AgainstFloat64_AreAFewRoundingsApart) {
  for (const auto& [name, shape] : kShapes) {
    const TinyBert tiny(shape, 51);
    Machine machine(tiny.gguf(), GetParam());
    ASSERT_NE(machine.encoder, nullptr) << machine.error.message();
    const Distance found = distance(tiny, *machine.encoder);
    EXPECT_LE(found.cosine, 1e-11) << name;
    EXPECT_LE(found.error, 2e-6) << name;
    EXPECT_GT(found.error, 0) << name << ": suspiciously equal";
    RecordProperty(fmt::format("max_error_{}", name), fmt::format("{:.2e}", found.error));
  }
}

// Weights are those of the type in both computations; activations are rounded to eight bits.
TEST_P(EncoderOnIsa, QuantisedWeights_AgainstFloat64_StayNear) {
  const tensor::DType dtype = tensor::DType::kQ8_0;
  const MatrixCodec codec{
      dtype,
      [](std::span<const float> values) {
        std::string bytes(*tensor::row_bytes(dtype, values.size()), '\0');
        quant::quantize_row(dtype, values.data(), bytes.data(), static_cast<int64_t>(values.size()));
        return bytes;
      },
      [](std::string_view bytes) {
        const tensor::DTypeTraits& traits = tensor::dtype_traits(dtype);
        std::vector<float> values(bytes.size() / traits.block_bytes * traits.block_elements);
        quant::dequantize_row(dtype, bytes.data(), values.data(), static_cast<int64_t>(values.size()));
        return values;
      }};
  for (const bool nomic : {false, true}) {
    const TinyBert tiny({.nomic = nomic, .width = 128, .ffn_width = 256, .fused_qkv = nomic}, 52, codec);
    Machine machine(tiny.gguf(), GetParam());
    ASSERT_NE(machine.encoder, nullptr) << machine.error.message();
    EXPECT_LE(distance(tiny, *machine.encoder).cosine, 1e-3);
  }
}

TEST_P(EncoderOnIsa, Vector_WhateverTheBatchAndThreads_HasTheSameBits) {
  for (const bool nomic : {false, true}) {
    const GgufWriter writer = TinyBert({.nomic = nomic, .fused_qkv = nomic}, 53).gguf();
    Machine machine(writer, GetParam(), 1);
    Machine other(writer, GetParam(), 3);
    const auto sequences = some_sequences();
    const auto together = machine.encoder->encode(sequences);
    ASSERT_TRUE(together);
    for (size_t i = 0; i < sequences.size(); ++i) {
      const auto alone = other.encoder->encode({&sequences[i], 1});
      ASSERT_TRUE(alone);
      EXPECT_EQ((*alone)[0], (*together)[i]) << i;
    }
    const std::vector<std::vector<int32_t>> backwards(sequences.rbegin(), sequences.rend());
    auto reversed = other.encoder->encode(backwards);
    ASSERT_TRUE(reversed);
    std::reverse(reversed->begin(), reversed->end());
    EXPECT_EQ(*reversed, *together);
  }
}

TEST(Encoder, LaterTokens_ChangeWhatTheFirstOneMeans) {
  Machine machine(TinyBert({.pooling_type = 2}, 54).gguf());
  const auto vectors = machine.encoder->encode(std::vector<std::vector<int32_t>>{{2, 10, 3}, {2, 10, 11, 3}});
  ASSERT_TRUE(vectors);
  EXPECT_NE((*vectors)[0], (*vectors)[1]);
}

void expect_error(const Error& error, ErrorCode code, std::initializer_list<std::string_view> parts) {
  EXPECT_EQ(error.code(), code) << error.message();
  for (const std::string_view part : parts) {
    EXPECT_NE(error.message().find(part), std::string::npos) << "'" << part << "' in: " << error.message();
  }
}

TEST(Encoder, SequencesThatItDoesNotTake_AreRefusedWithTheNumbers) {
  Machine machine(TinyBert({}, 55).gguf());
  const auto error_of = [&](std::vector<int32_t> tokens) {
    return machine.encoder->encode(std::vector<std::vector<int32_t>>{{2, 3}, std::move(tokens)}).error();
  };
  expect_error(error_of({}), ErrorCode::kInvalidArgument, {"sequence 1", "at least one token"});
  expect_error(error_of({2, 56}), ErrorCode::kInvalidArgument, {"sequence 1", "0 to 55", "56"});
  expect_error(error_of({-1}), ErrorCode::kInvalidArgument, {"-1"});
  expect_error(error_of(std::vector<int32_t>(129, 5)), ErrorCode::kResourceExhausted,
               {"sequence 1", "129 tokens", "at most 128"});
  EXPECT_TRUE(machine.encoder->check(std::vector<int32_t>(128, 5)));
  const auto none = machine.encoder->encode({});
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->empty());
}

TEST(Encoder, Description_OfATinyBert_CountsItsBytes) {
  Machine machine(TinyBert({.n_layers = 1, .width = 32, .ffn_width = 48}, 56).gguf());
  const EncoderInfo& info = machine.encoder->info();
  const uint64_t tables = (TinyBert::kVocabularySize + 2 + 128) * 32;
  const uint64_t layer = 4 * (32 * 32 + 32) + 2 * 32 * 48 + 48 + 32 + 4 * 32;
  EXPECT_EQ(info.n_parameters, tables + 2 * 32 + layer);
  EXPECT_EQ(info.weight_bytes, info.n_parameters * 4);
  EXPECT_EQ(info.architecture, "bert");
  EXPECT_EQ(info.width, 32);
  EXPECT_EQ(info.pooling, Pooling::kMean);
}

TEST(LoadEncoder, WhatIsMissingOrOfAnotherShape_IsNamed) {
  const auto without = [](const char* name, bool nomic = false) {
    return Machine(TinyBert({.nomic = nomic}, 57).gguf({name})).error;
  };
  for (const char* tensor : {"token_embd.weight", "position_embd.weight", "token_embd_norm.bias",
                             "blk.1.attn_q.weight", "blk.0.attn_k.bias", "blk.1.attn_output_norm.weight",
                             "blk.0.ffn_down.bias", "blk.1.layer_output_norm.bias"}) {
    expect_error(without(tensor), ErrorCode::kMalformed, {"tiny.gguf", tensor, "no such tensor"});
  }
  expect_error(without("blk.0.ffn_gate.weight", true), ErrorCode::kMalformed, {"blk.0.ffn_gate.weight"});
  for (const char* key :
       {"bert.block_count", "bert.context_length", "bert.embedding_length", "bert.feed_forward_length",
        "bert.attention.head_count", "tokenizer.ggml.token_type_count"}) {
    expect_error(without(key), ErrorCode::kMalformed, {key});
    for (const uint32_t value : {0U, 0xFFFFFFFFU}) {
      const Error error = Machine(TinyBert({}, 57).gguf({key}).add_u32(key, value)).error;
      expect_error(error, ErrorCode::kMalformed, {key, std::to_string(value)});
    }
  }
  GgufWriter shorter = TinyBert({}, 57).gguf({"position_embd.weight"});
  shorter.add_zeros("position_embd.weight", {127, 64}, tensor::DType::kF32);
  expect_error(Machine(shorter).error, ErrorCode::kMalformed, {"position_embd", "[128, 64]", "[127, 64]"});
}

TEST(LoadEncoder, WhatIsNotComputed_IsUnsupported) {
  for (const uint32_t type : {0U, 4U}) {
    const Error error = Machine(TinyBert({.pooling_type = static_cast<int>(type)}, 58).gguf()).error;
    expect_error(error, ErrorCode::kUnsupported, {"bert.pooling_type", "mean", std::to_string(type)});
  }
  GgufWriter reranker = TinyBert({}, 58).gguf();
  reranker.add_zeros("cls.weight", {64, 64}, tensor::DType::kF32);
  expect_error(Machine(reranker).error, ErrorCode::kUnsupported, {"cls.weight", "no place"});
  GgufWriter causal = TinyBert({.nomic = true}, 58).gguf();
  causal.add_f32("nomic-bert.attention.max_alibi_bias", 8.0F);
  expect_error(Machine(causal).error, ErrorCode::kUnsupported, {"max_alibi_bias"});
}

TEST(LoadEncoder, ModelThatWritesText_IsRefused_AndTheOtherWayRound) {
  expect_error(Machine(testing::TinyLlama({}, 1).gguf()).error, ErrorCode::kUnsupported,
               {"'llama'", "writes text", "bert, nomic-bert"});
  const GgufWriter unknown =
      testing::TinyLlama({}, 1).gguf({"general.architecture"}).add_string("general.architecture", "abacus");
  expect_error(Machine(unknown).error, ErrorCode::kUnsupported, {"'abacus'", "not known"});
  Machine machine(TinyBert({}, 1).gguf());
  const auto model = load_model(machine.checkpoint, *machine.backend, 64);
  ASSERT_FALSE(model);
  expect_error(model.error(), ErrorCode::kUnsupported, {"'bert'", "encoder", "hearth embed"});
  EXPECT_TRUE(is_encoder(machine.checkpoint));
}

Result<std::vector<float>> pool(Pooling pooling, const std::vector<float>& rows, int64_t width,
                                VectorLength length = VectorLength::kOne) {
  Pooler pooler(pooling, width);
  pooler.add(rows);
  return pooler.vector(length);
}

TEST(Pool, EachKind_TakesWhatItSays) {
  const std::vector<float> rows{3, 4, 0, 2, 1, 0};
  const auto near = [](const std::vector<float>& found, float x, float y) {
    return std::abs(found[0] - x) < 1e-6F && std::abs(found[1] - y) < 1e-6F;
  };
  EXPECT_TRUE(near(*pool(Pooling::kFirst, rows, 2), 0.6F, 0.8F));
  EXPECT_TRUE(near(*pool(Pooling::kLast, rows, 2), 1.0F, 0.0F));
  const float length = std::sqrt(52.0F);  // the sum is (4, 6)
  EXPECT_TRUE(near(*pool(Pooling::kMean, rows, 2), 4 / length, 6 / length));
  // As computed: the tokens' own, and their mean.
  EXPECT_TRUE(near(*pool(Pooling::kFirst, rows, 2, VectorLength::kAsComputed), 3.0F, 4.0F));
  EXPECT_TRUE(near(*pool(Pooling::kMean, rows, 2, VectorLength::kAsComputed), 4.0F / 3, 2.0F));
}

TEST(Pool, RowsInParts_AreThoseInOne) {
  const std::vector<float> rows{3, 4, 0, 2, 1, 0};
  for (const Pooling pooling : {Pooling::kMean, Pooling::kFirst, Pooling::kLast}) {
    Pooler parts(pooling, 2);
    for (size_t i = 0; i < rows.size(); i += 2) {
      parts.add({});
      parts.add({&rows[i], 2});
    }
    EXPECT_EQ(*parts.vector(VectorLength::kOne), *pool(pooling, rows, 2));
  }
}

TEST(Pool, ZerosAndNumbersThatAreNone_AreNotDividedBy) {
  EXPECT_EQ(*pool(Pooling::kMean, std::vector<float>{0, 0}, 2), (std::vector<float>{0, 0}));
  for (const float bad : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    const auto vector = pool(Pooling::kMean, std::vector<float>{1, bad}, 2);
    ASSERT_FALSE(vector);
    EXPECT_EQ(vector.error().code(), ErrorCode::kMalformed);
  }
}

}  // namespace
}  // namespace hearth::models
