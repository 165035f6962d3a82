#include "models/quantization/quantize_checkpoint.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "quant/half.h"
#include "quant/quant.h"
#include "tests/support/gguf_writer.h"

namespace hearth::models {
namespace {

using tensor::DType;

constexpr int64_t kRows = 12;
constexpr int64_t kColumns = 256;

std::vector<float> normal_weights() {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0.0F, 0.05F);
  std::vector<float> weights(static_cast<size_t>(kRows * kColumns));
  for (float& w : weights) w = quant::f16_to_f32(quant::f32_to_f16(normal(random)));
  return weights;
}

std::string as_f16(const std::vector<float>& weights) {
  std::string bytes(weights.size() * 2, '\0');
  quant::quantize_row(DType::kF16, weights.data(), bytes.data(), static_cast<int64_t>(weights.size()));
  return bytes;
}

testing::GgufWriter small_model() {
  testing::GgufWriter writer;
  writer.add_string("general.architecture", "llama").add_u32("general.file_type", 1);
  writer.add_strings("tokenizer.ggml.tokens", {"a", "b"}).add<uint16_t>("split.count", 0);
  writer.add_tensor("blk.0.attn_norm.weight", {kColumns},
                    std::vector<float>(static_cast<size_t>(kColumns), 1.5F));
  writer.add_tensor("blk.0.ffn_up.weight", {kRows, kColumns}, DType::kF16, as_f16(normal_weights()));
  return writer;
}

// A checkpoint and the bytes that it looks into.
struct Model {
  explicit Model(const testing::GgufWriter& writer) : bytes(writer.build()), checkpoint(parse(bytes)) {}
  static gguf::File parse(const std::string& bytes) {
    auto file = gguf::File::parse(std::as_bytes(std::span(bytes)), "m.gguf");
    EXPECT_TRUE(file) << file.error().message();
    return std::move(*file);
  }
  std::string bytes;
  GgufCheckpoint checkpoint;
};

struct Outcome {
  Result<QuantizeReport> report;
  std::string bytes;
};

Outcome run(const Checkpoint& checkpoint, QuantizeOptions options, std::string_view scheme) {
  options.scheme = scheme.empty() ? nullptr : *find_scheme(scheme);
  std::string bytes;
  auto report =
      quantize_checkpoint(checkpoint, options, [&](std::span<const std::byte> more) -> Result<void> {
        bytes.append(reinterpret_cast<const char*>(more.data()), more.size());
        return {};
      });
  return {std::move(report), std::move(bytes)};
}

TEST(QuantizeCheckpoint, AModel_BecomesTheSameModelInAnotherType) {
  const Model model(small_model());
  const Outcome outcome = run(model.checkpoint, {.measure_errors = true}, "Q4_K_M");
  ASSERT_TRUE(outcome.report) << outcome.report.error().message();
  const gguf::File file = Model::parse(outcome.bytes);
  EXPECT_EQ(outcome.report->file_bytes, outcome.bytes.size());
  EXPECT_EQ(*file.u64("general.file_type"), 15U);
  EXPECT_EQ(*file.u64("general.quantization_version"), 2U);
  EXPECT_EQ(file.find("tokenizer.ggml.tokens")->as_strings()->size(), 2U);
  EXPECT_EQ(file.find("split.count"), nullptr);
  const auto norm = file.find_tensor("blk.0.attn_norm.weight");
  ASSERT_NE(norm, nullptr);
  EXPECT_EQ(norm->dtype, DType::kF32);
  EXPECT_TRUE(std::ranges::equal(norm->data, model.checkpoint.find_tensor(norm->name)->data));

  const gguf::TensorInfo* up = file.find_tensor("blk.0.ffn_up.weight");
  ASSERT_NE(up, nullptr);
  EXPECT_EQ(up->dtype, DType::kQ4_K);
  const std::vector<float> weights = normal_weights();
  std::vector<float> back(weights.size());
  quant::dequantize_row(up->dtype, up->data.data(), back.data(), kRows * kColumns);
  double error = 0.0;
  double power = 0.0;
  for (size_t i = 0; i < back.size(); ++i) {
    error += std::pow(static_cast<double>(back[i]) - weights[i], 2);
    power += std::pow(static_cast<double>(weights[i]), 2);
  }
  EXPECT_LT(std::sqrt(error / power), 0.075);
  ASSERT_EQ(outcome.report->tensors.size(), 2U);
  EXPECT_NEAR(outcome.report->tensors[1].relative_error, std::sqrt(error / power), 1e-12);
  EXPECT_EQ(outcome.report->tensors[0].relative_error, 0.0);
  EXPECT_EQ(outcome.report->to_bytes, kColumns * 4 + kRows * 144);
}

TEST(QuantizeCheckpoint, ThreadsAndSlices_DoNotChangeTheBytes) {
  const Model model(small_model());
  const Outcome one = run(model.checkpoint, {.n_threads = 1}, "Q5_K_S");
  const Outcome three = run(model.checkpoint, {.n_threads = 3}, "Q5_K_S");
  ASSERT_TRUE(one.report);
  ASSERT_TRUE(three.report);
  EXPECT_EQ(one.bytes, three.bytes);
}

TEST(QuantizeCheckpoint, WithoutAScheme_WritesTheModelAsItIs) {
  testing::GgufWriter writer = small_model();
  const Model model(writer);
  QuantizeOptions options;
  options.edit_metadata = [](gguf::FileDraft& draft) { draft.set_number<uint16_t>("split.count", 0); };
  const Outcome outcome = run(model.checkpoint, options, "");
  ASSERT_TRUE(outcome.report);
  EXPECT_EQ(outcome.bytes, model.bytes);
}

TEST(QuantizeCheckpoint, QuantizedWeights_AreRefusedUnlessAllowed) {
  const Model model(small_model());
  const Outcome once = run(model.checkpoint, {}, "Q8_0");
  ASSERT_TRUE(once.report);
  const GgufCheckpoint quantized(Model::parse(once.bytes));
  const Outcome refused = run(quantized, {}, "Q4_0");
  ASSERT_FALSE(refused.report);
  EXPECT_EQ(refused.report.error().code(), ErrorCode::kUnsupported);
  EXPECT_NE(refused.report.error().message().find("tensor blk.0.ffn_up.weight: expected F32, F16 or BF16, "
                                                  "found Q8_0"),
            std::string::npos)
      << refused.report.error().message();
  EXPECT_TRUE(refused.bytes.empty());
  EXPECT_TRUE(run(quantized, {.allow_requantize = true}, "Q4_0").report);
  // What has the type already is copied.
  const Outcome again = run(quantized, {}, "Q8_0");
  ASSERT_TRUE(again.report);
  EXPECT_EQ(again.bytes, once.bytes);
}

TEST(QuantizeCheckpoint, WeightsThatAreNoNumbers_AreNamed) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> weights(512, 1.0F);
    weights[256 + 7] = bad;
    testing::GgufWriter writer;
    writer.add_string("general.architecture", "llama").add_tensor("a.weight", {2, 256}, weights);
    const Outcome outcome = run(Model(writer).checkpoint, {}, "Q8_0");
    ASSERT_FALSE(outcome.report);
    EXPECT_EQ(outcome.report.error().code(), ErrorCode::kMalformed);
    EXPECT_EQ(outcome.report.error().message(),
              "m.gguf: tensor a.weight: expected finite weights, found another in row 1, column 7");
  }
  testing::GgufWriter large;
  large.add_string("general.architecture", "llama");
  large.add_tensor("a.weight", {2, 2}, std::vector<float>{1, 2, 70'000, 4});
  const Model model(large);
  EXPECT_FALSE(run(model.checkpoint, {}, "F16").report);
  EXPECT_TRUE(run(model.checkpoint, {}, "BF16").report);
}

TEST(QuantizeCheckpoint, ACallerWhoSaysStop_IsObeyed) {
  const Model model(small_model());
  uint64_t last = 0;
  size_t n_finished = 0;
  QuantizeOptions options;
  options.progress = [&](const QuantizeProgress& progress) {
    EXPECT_GE(progress.done_bytes, last);
    last = progress.done_bytes;
    n_finished += progress.finished != nullptr ? 1 : 0;
    return true;
  };
  ASSERT_TRUE(run(model.checkpoint, options, "Q8_0").report);
  EXPECT_EQ(last, kColumns * 4 + kRows * kColumns * 2);
  EXPECT_EQ(n_finished, 2U);
  options.progress = [](const QuantizeProgress&) { return false; };
  const Outcome stopped = run(model.checkpoint, options, "Q8_0");
  ASSERT_FALSE(stopped.report);
  EXPECT_EQ(stopped.report.error().code(), ErrorCode::kCancelled);
}

TEST(QuantizeCheckpoint, TheSizeOfTheFile_IsToldBeforeItsFirstByte) {
  const Model model(small_model());
  uint64_t told = 0;
  QuantizeOptions options;
  options.begin_file = [&](uint64_t size_bytes) -> Result<void> {
    told = size_bytes;
    return {};
  };
  const Outcome outcome = run(model.checkpoint, options, "Q6_K");
  ASSERT_TRUE(outcome.report);
  EXPECT_EQ(told, outcome.bytes.size());
  options.begin_file = [](uint64_t) { return Result<void>(Error(ErrorCode::kResourceExhausted, "full")); };
  const Outcome refused = run(model.checkpoint, options, "Q6_K");
  ASSERT_FALSE(refused.report);
  EXPECT_TRUE(refused.bytes.empty());
}

}  // namespace
}  // namespace hearth::models
