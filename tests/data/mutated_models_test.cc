// Damaged and hostile model files load or fail with a clear error; nothing crashes, also not when a file that
// loads is then computed with. The bytes before the tensors' data decide everything, so most mutations strike
// there.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "backends/cpu/cpu_backend.h"
#include "engine/loaded_model.h"
#include "models/encoder.h"
#include "tests/support/test_data.h"
#include "tests/support/tiny_bert.h"
#include "tests/support/tiny_llama.h"

namespace hearth {
namespace {

enum class Outcome { kRefused, kAnswered };

// Loads, answers a few tokens and throws away. Every refusal must say something.
Outcome try_model(const std::string& bytes) {
  auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "mutated.gguf");
  if (!file) {
    EXPECT_FALSE(file.error().message().empty());
    return Outcome::kRefused;
  }
  auto backend = cpu::make_cpu_backend({Isa::kScalar, 1});
  EXPECT_TRUE(backend);
  auto model = engine::LoadedModel::load(std::move(*file), std::move(*backend), {.context_tokens = 0});
  if (!model) {
    EXPECT_FALSE(model.error().message().empty());
    return Outcome::kRefused;
  }
  const auto prompt = (*model)->tokenizer().encode("once \xF0\x9F\x94\xA5 upon", {});
  if (prompt.empty()) return Outcome::kAnswered;
  engine::Request request;
  request.prompt = prompt;
  request.max_tokens = 2;
  request.sampling.seed = 1;
  engine::Engine& engine = (*model)->engine();
  // A vocabulary smaller than a token id, or a context of a few tokens, is refused here.
  if (!engine.submit(std::move(request))) return Outcome::kRefused;
  while (engine.has_work()) EXPECT_TRUE(engine.step());
  return Outcome::kAnswered;
}

struct Base {
  std::string bytes;
  size_t header_bytes;  // what stands before the tensors' data
};

// Loads an encoder, makes a few vectors and throws them away.
Outcome try_encoder(const std::string& bytes) {
  auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "mutated.gguf");
  if (!file) return Outcome::kRefused;
  const models::GgufCheckpoint checkpoint(std::move(*file));
  auto backend = cpu::make_cpu_backend({Isa::kScalar, 1});
  EXPECT_TRUE(backend);
  const auto encoder = models::load_encoder(checkpoint, **backend);
  if (!encoder) {
    EXPECT_FALSE(encoder.error().message().empty());
    return Outcome::kRefused;
  }
  // A vocabulary smaller than a token id, a context of a few tokens, or weights that are no numbers.
  const auto vectors = (*encoder)->encode(std::vector<std::vector<int32_t>>{{2, 30, 3}, {2, 3}});
  return vectors ? Outcome::kAnswered : Outcome::kRefused;
}

// The file's bytes, and where its tensors' data begin.
Base base_of(std::string bytes) {
  Base base{std::move(bytes), 0};
  const auto file = gguf::File::parse(std::as_bytes(std::span(base.bytes)), "base.gguf");
  EXPECT_TRUE(file);
  base.header_bytes = base.bytes.size();
  for (const gguf::TensorInfo& tensor : file->tensors()) {
    const auto offset = reinterpret_cast<const char*>(tensor.data.data()) - base.bytes.data();
    base.header_bytes = std::min(base.header_bytes, static_cast<size_t>(offset));
  }
  return base;
}

Base base_encoder(bool nomic) {
  const testing::TinyBertShape shape{
      .nomic = nomic, .n_layers = 1, .width = 16, .ffn_width = 16, .n_heads = 2, .context_tokens = 32};
  return base_of(testing::TinyBert(shape, 3).gguf().build());
}

// Of whose two layers the first has a window.
Base base_windowed() {
  const testing::TinyLlamaShape shape{.architecture = "gemma2",
                                      .width = 16,
                                      .ffn_width = 16,
                                      .n_heads = 2,
                                      .n_kv_heads = 1,
                                      .head_dim = 8,
                                      .n_rotated = 8,
                                      .context_tokens = 32};
  testing::GgufWriter writer = testing::TinyLlama(shape, 3).gguf();
  writer.add_u32("gemma2.attention.sliding_window", 5);
  for (const std::string layer : {"blk.0", "blk.1"}) {
    for (const char* name : {".post_attention_norm.weight", ".post_ffw_norm.weight"})
      writer.add_tensor(layer + name, {16}, std::vector<float>(16, 1.0F));
  }
  return base_of(writer.build());
}

Base base_model() {
  const testing::TinyLlamaShape shape{.n_layers = 1,
                                      .width = 16,
                                      .ffn_width = 16,
                                      .n_heads = 2,
                                      .n_kv_heads = 1,
                                      .head_dim = 8,
                                      .n_rotated = 8,
                                      .context_tokens = 32};
  return base_of(testing::TinyLlama(shape, 3).gguf().build());
}

constexpr uint64_t kHostileNumbers[] = {0,
                                        1,
                                        3,
                                        0x7F,
                                        0xFF,
                                        0xFFFF,
                                        0x7FFFFFFF,
                                        0x80000000,
                                        0xFFFFFFFF,
                                        0x100000000,
                                        0x7FFFFFFFFFFFFFFF,
                                        0x8000000000000000,
                                        0xFFFFFFFFFFFFFFE0,
                                        0xFFFFFFFFFFFFFFFF};

std::string mutate(const Base& base, std::mt19937& random) {
  std::string bytes = base.bytes;
  const auto below = [&](size_t n) { return static_cast<size_t>(random()) % n; };
  for (size_t n = 1 + below(2); n > 0; --n) {
    // Three in four strike the header.
    const size_t span = std::min(bytes.size(), below(4) == 0 ? bytes.size() : base.header_bytes);
    if (span < 16) return bytes;
    const size_t at = below(span - 8);
    switch (below(8)) {
      case 0:
      case 1:
      case 2:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 3:
        bytes[at] = static_cast<char>(random());
        break;
      case 4:
      case 5: {
        const uint64_t hostile = kHostileNumbers[below(std::size(kHostileNumbers))];
        std::memcpy(bytes.data() + at, &hostile, below(2) == 0 ? 4 : 8);
        break;
      }
      case 6:
        bytes.erase(at, 1 + below(9));
        break;
      default:
        bytes.insert(at, 1 + below(9), static_cast<char>(random()));
        break;
    }
  }
  return bytes;
}

TEST(MutatedModels, TenThousand_LoadOrFail_Cleanly) {
  const Base base = base_model();
  ASSERT_EQ(try_model(base.bytes), Outcome::kAnswered);
  std::mt19937 random(20240517);
  int refused = 0;
  int answered = 0;
  for (int i = 0; i < 10000; ++i) {
    SCOPED_TRACE(i);
    (try_model(mutate(base, random)) == Outcome::kRefused ? refused : answered) += 1;
  }
  // Both kinds must have been tried, or the mutations prove nothing.
  EXPECT_GT(refused, 1000);
  EXPECT_GT(answered, 1000);
}

TEST(MutatedModels, WithAWindow_LoadOrFail_Cleanly) {
  const Base base = base_windowed();
  ASSERT_EQ(try_model(base.bytes), Outcome::kAnswered);
  std::mt19937 random(20240518);
  int answered = 0;
  for (int i = 0; i < 1500; ++i) {
    SCOPED_TRACE(i);
    answered += try_model(mutate(base, random)) == Outcome::kAnswered ? 1 : 0;
  }
  EXPECT_GT(answered, 150);
  EXPECT_LT(answered, 1350);
}

TEST(MutatedModels, Encoders_LoadOrFail_Cleanly) {
  for (const bool nomic : {false, true}) {
    const Base base = base_encoder(nomic);
    ASSERT_EQ(try_encoder(base.bytes), Outcome::kAnswered);
    std::mt19937 random(20240519);
    int answered = 0;
    for (int i = 0; i < 3000; ++i) {
      SCOPED_TRACE(i);
      answered += try_encoder(mutate(base, random)) == Outcome::kAnswered ? 1 : 0;
    }
    EXPECT_GT(answered, 300);
    EXPECT_LT(answered, 2700);
  }
}

TEST(MutatedModels, Truncation_AtEveryByteOfTheHeader_IsRefused) {
  const Base base = base_model();
  for (size_t length = 0; length < base.header_bytes; ++length) {
    SCOPED_TRACE(length);
    EXPECT_EQ(try_model(base.bytes.substr(0, length)), Outcome::kRefused);
  }
}

TEST(MutatedModels, EveryBitOfTheFirstKiB_Flipped_LoadsOrFailsCleanly) {
  const Base base = base_model();
  for (size_t at = 0; at < 1024; ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      SCOPED_TRACE(at);
      std::string bytes = base.bytes;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      try_model(bytes);
    }
  }
}

TEST(MutatedModels, FamiliesOfTheirOwnShapes_HostileNumbersInTheirHeaders_LoadOrFailCleanly) {
  for (const char* name : {"gemma4", "gemma4-moe", "deepseek2"}) {
    SCOPED_TRACE(name);
    HEARTH_NEEDS_TEST_DATA(path, std::string("golden/arch/") + name + ".gguf");
    const Base base = base_of(testing::read_file(path));
    ASSERT_EQ(try_model(base.bytes), Outcome::kAnswered);
    std::mt19937 random(11);
    for (int i = 0; i < 300; ++i) {
      SCOPED_TRACE(i);
      try_model(mutate(base, random));
    }
  }
}

TEST(MutatedModels, ARealFile_HostileNumbersInItsHeader_LoadsOrFailsCleanly) {
  HEARTH_NEEDS_TEST_DATA(path, "models/stories260K.gguf");
  const Base base{testing::read_file(path), 13000};
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    SCOPED_TRACE(i);
    try_model(mutate(base, random));
  }
}

}  // namespace
}  // namespace hearth
