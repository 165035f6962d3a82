// Every value of a packed matrix, against a packer that shares nothing with the loader.
#include "models/huggingface/packed_matrix.h"

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "backends/cpu/cpu_backend.h"
#include "models/checkpoint.h"
#include "models/model.h"
#include "quant/quant.h"
#include "tests/support/packed_weights.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_llama.h"

namespace hearth::models {
namespace {

using testing::HuggingFaceModel;
using testing::HuggingFaceTensor;
using testing::PackingOptions;
using testing::RandomPackedMatrix;

const std::string kUp = "model.layers.0.mlp.up_proj";
const std::string kUpGguf = "blk.0.ffn_up.weight";

HuggingFaceModel tiny_model(int64_t ffn_width = 96, int64_t width = 64) {
  const std::string bytes = testing::TinyLlama({.n_layers = 1, .width = width, .ffn_width = ffn_width}, 3)
                                .gguf()
                                .add_u32("llama.vocab_size", 285)
                                .build();
  return testing::as_huggingface(*gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf"));
}

// The model with one matrix replaced.
HuggingFaceModel with_packed(HuggingFaceModel model, const std::vector<HuggingFaceTensor>& tensors,
                             const PackingOptions& options) {
  std::erase_if(model.tensors, [](const auto& t) { return t.name == kUp + ".weight"; });
  model.tensors.insert(model.tensors.end(), tensors.begin(), tensors.end());
  model.config["quantization_config"] = testing::quantization_config(options);
  return model;
}

class PackedTest : public ::testing::Test {
 protected:
  Result<std::unique_ptr<const Checkpoint>> open(const HuggingFaceModel& model) {
    testing::write_folder(model, folder_.path());
    return open_checkpoint(folder_.path());
  }
  void expect_error(const HuggingFaceModel& model, ErrorCode code,
                    std::initializer_list<std::string_view> parts) {
    const auto checkpoint = open(model);
    ASSERT_FALSE(checkpoint);
    EXPECT_EQ(checkpoint.error().code(), code) << checkpoint.error().message();
    for (const std::string_view part : parts) {
      EXPECT_NE(checkpoint.error().message().find(part), std::string::npos)
          << "'" << part << "' in: " << checkpoint.error().message();
    }
  }
  // Loaded values in the columns' own order.
  void expect_exact(int64_t rows, int64_t columns, const PackingOptions& options) {
    SCOPED_TRACE(testing::quantization_config(options).dump() + options.scale_type);
    const RandomPackedMatrix packed(rows, columns, options, 5);
    const auto checkpoint = open(with_packed(tiny_model(rows, columns), packed.tensors(kUp), options));
    ASSERT_TRUE(checkpoint) << checkpoint.error().message();
    const gguf::TensorInfo* info = (*checkpoint)->find_tensor(kUpGguf);
    ASSERT_NE(info, nullptr);
    EXPECT_EQ(info->shape, (tensor::Shape{rows, columns}));
    EXPECT_EQ(info->dtype, options.bits == 8 ? tensor::DType::kA8 : tensor::DType::kA4);
    const auto data = (*checkpoint)->data(*info);
    ASSERT_TRUE(data);
    ASSERT_EQ(data->size(), info->size_bytes);
    std::vector<float> loaded(static_cast<size_t>(rows * columns));
    quant::dequantize_row(info->dtype, data->data(), loaded.data(), rows * columns);
    const std::span<const int32_t> order = (*checkpoint)->column_order(kUpGguf);
    EXPECT_EQ(order.empty(), !options.desc_act || options.group_size == -1 || options.group_size >= columns);
    const std::vector<double> expected = packed.values();
    for (size_t n = 0; n < static_cast<size_t>(rows); ++n) {
      for (size_t j = 0; j < static_cast<size_t>(columns); ++j) {
        const size_t k = order.empty() ? j : static_cast<size_t>(order[j]);
        const auto width = static_cast<size_t>(columns);
        ASSERT_EQ(static_cast<double>(loaded[n * width + j]), expected[n * width + k]) << n << ", " << k;
      }
    }
  }

  testing::TemporaryFolder folder_;
};

TEST_F(PackedTest, GptqOfEveryKind_HasExactlyThePackersValues) {
  for (const uint32_t bits : {2U, 3U, 4U, 8U}) {
    for (const int64_t group_size : {32, 64, 128, -1}) {
      for (const bool second_format : {false, true}) {
        for (const bool desc_act : {false, true}) {
          const PackingOptions options{.bits = bits,
                                       .group_size = group_size,
                                       .second_format = second_format,
                                       .desc_act = desc_act,
                                       .scale_type = second_format == desc_act ? "F16" : "BF16"};
          expect_exact(96, 256, options);
        }
      }
    }
  }
  expect_exact(32, 96, {.group_size = 64});  // the last group is shorter
}

TEST_F(PackedTest, AwqOfEveryGroupSize_HasExactlyThePackersValues) {
  for (const int64_t group_size : {32, 64, 128, -1}) {
    for (const char* scale_type : {"F16", "BF16"}) {
      expect_exact(96, 256, {.awq = true, .group_size = group_size, .scale_type = scale_type});
    }
  }
}

// 15 + 1 is 0 in four bits, as in AutoGPTQ's and ExLlama's kernels.
TEST_F(PackedTest, FirstFormat_StoredFifteenIsTheZeroNought) {
  for (const uint32_t bits : {2U, 3U, 4U, 8U}) {
    const PackingOptions options{.bits = bits, .group_size = 32};
    RandomPackedMatrix packed(96, 64, options, 6);
    packed.set_zero(0);
    std::vector<HuggingFaceTensor> tensors = packed.tensors(kUp);
    EXPECT_EQ(tensors[1].data, std::string(tensors[1].data.size(), '\xFF'))
        << "all bits of " << tensors[1].name;
    const auto checkpoint = open(with_packed(tiny_model(), tensors, options));
    ASSERT_TRUE(checkpoint) << checkpoint.error().message();
    const gguf::TensorInfo* info = (*checkpoint)->find_tensor(kUpGguf);
    std::vector<float> loaded(96 * 64);
    quant::dequantize_row(info->dtype, (*checkpoint)->data(*info)->data(), loaded.data(), 96 * 64);
    const std::vector<double> expected = packed.values();
    for (size_t i = 0; i < loaded.size(); ++i) {
      ASSERT_EQ(static_cast<double>(loaded[i]), expected[i]);
      ASSERT_GE(loaded[i], 0.0F);
    }
  }
}

TEST_F(PackedTest, ConfigurationOfItsOwnFile_IsReadToo) {
  const PackingOptions options{.group_size = 32};
  HuggingFaceModel model =
      with_packed(tiny_model(), RandomPackedMatrix(96, 64, options, 7).tensors(kUp), options);
  model.config.erase("quantization_config");
  expect_error(model, ErrorCode::kUnsupported, {"qweight", "no place"});
  testing::write_file(
      folder_.path() / "quantize_config.json",
      R"({"bits": 4, "group_size": 32, "desc_act": false, "sym": true, "model_name_or_path": "x"})");
  EXPECT_TRUE(open(model));
  const PackingOptions awq{.awq = true, .group_size = 32};
  model = with_packed(tiny_model(), RandomPackedMatrix(96, 64, awq, 7).tensors(kUp), awq);
  model.config.erase("quantization_config");
  std::filesystem::remove(folder_.path() / "quantize_config.json");
  testing::write_file(folder_.path() / "quant_config.json",
                      R"({"zero_point": true, "q_group_size": 32, "w_bit": 4, "version": "GEMM"})");
  EXPECT_TRUE(open(model));
}

TEST_F(PackedTest, BiasOfZeros_IsNone_AndOthersAreNot) {
  const PackingOptions options{.group_size = 32};
  HuggingFaceModel model =
      with_packed(tiny_model(), RandomPackedMatrix(96, 64, options, 7).tensors(kUp), options);
  model.tensors.push_back({kUp + ".bias", "F16", {96}, std::string(192, '\0')});
  const auto without = open(model);
  ASSERT_TRUE(without) << without.error().message();
  EXPECT_EQ((*without)->find_tensor("blk.0.ffn_up.bias"), nullptr);
  model.tensors.back().data[7] = '\x3C';
  const auto with = open(model);
  ASSERT_TRUE(with);
  EXPECT_NE((*with)->find_tensor("blk.0.ffn_up.bias"), nullptr);
  auto backend = cpu::make_cpu_backend({Isa::kScalar, 1});
  const auto loaded = load_model(**with, **backend, 256);
  ASSERT_FALSE(loaded);
  EXPECT_NE(loaded.error().message().find("blk.0.ffn_up.bias"), std::string::npos)
      << loaded.error().message();
}

TEST_F(PackedTest, MatrixWithAnOrder_WhereNobodyGathers_IsRefused) {
  const PackingOptions options{.group_size = 32, .desc_act = true};
  HuggingFaceModel model = tiny_model();
  std::erase_if(model.tensors, [](const auto& t) { return t.name == "lm_head.weight"; });
  // 285 rows fill no words: one table of 288 for both.
  model.config["vocab_size"] = 288;
  HuggingFaceTensor& table = model.at("model.embed_tokens.weight");
  table.shape[0] = 288;
  table.data.resize(288 * 64 * 4);
  for (const HuggingFaceTensor& t : RandomPackedMatrix(288, 64, options, 7).tensors("lm_head"))
    model.tensors.push_back(t);
  model.config["quantization_config"] = testing::quantization_config(options);
  const auto checkpoint = open(model);
  ASSERT_TRUE(checkpoint) << checkpoint.error().message();
  auto backend = cpu::make_cpu_backend({Isa::kScalar, 1});
  const auto loaded = load_model(**checkpoint, **backend, 256);
  ASSERT_FALSE(loaded);
  EXPECT_EQ(loaded.error().code(), ErrorCode::kUnsupported);
  EXPECT_NE(loaded.error().message().find("output.weight: expected columns in their own order"),
            std::string::npos)
      << loaded.error().message();
}

TEST_F(PackedTest, WhatIsNotRead_IsRefusedByKeyAndValue) {
  struct Case {
    bool awq;
    const char* key;
    nlohmann::json value;
    std::initializer_list<std::string_view> parts;
  };
  const Case cases[] = {
      {false,
       "quant_method",
       "bitsandbytes",
       {"quantization_config", "quant_method", "gptq or awq", "bitsandbytes"}},
      {false, "quant_method", nullptr, {"quant_method"}},
      {false, "bits", 5, {"bits", "2, 3, 4 or 8", "found 5"}},
      {false, "group_size", 48, {"group_size", "multiple of 32", "48"}},
      {false, "group_size", 16, {"group_size", "16"}},
      {false, "group_size", 0, {"group_size"}},
      {false, "group_size", 64.5, {"group_size"}},
      {false, "checkpoint_format", "marlin", {"checkpoint_format", "gptq or gptq_v2", "marlin"}},
      {false, "is_marlin_format", true, {"is_marlin_format"}},
      {false, "dynamic", {{"+:.*up_proj", {{"bits", 8}}}}, {"dynamic"}},
      {false, "pack_dtype", "int16", {"pack_dtype", "int16"}},
      {false, "unheard_of", 3, {"unheard_of", "does not know"}},
      {true, "version", "gemv", {"version", "gemm", "gemv"}},
      {true, "version", "marlin", {"version", "marlin"}},
      {true, "bits", 8, {"bits", "expected 4", "8"}},
      {true, "zero_point", false, {"zero_point", "false"}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.key + c.value.dump());
    const PackingOptions options{.awq = c.awq, .group_size = 32};
    HuggingFaceModel model =
        with_packed(tiny_model(), RandomPackedMatrix(96, 64, options, 7).tensors(kUp), options);
    model.config["quantization_config"][c.key] = c.value;
    expect_error(model, ErrorCode::kUnsupported, c.parts);
  }
}

TEST_F(PackedTest, Malformed_TheTensorIsNamedWithExpectedAndFound) {
  const PackingOptions options{.group_size = 32};
  const auto tensors = RandomPackedMatrix(96, 64, options, 7).tensors(kUp);  // qweight, qzeros, g_idx, scales
  const auto with = [&](size_t index, auto change) {
    std::vector<HuggingFaceTensor> changed = tensors;
    change(changed[index]);
    return with_packed(tiny_model(), changed, options);
  };
  const auto reshape = [](std::vector<int64_t> shape) {
    return [shape](HuggingFaceTensor& t) {
      t.shape = shape;
      const int64_t n = std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
      t.data.resize(static_cast<size_t>(n) * (t.dtype == "I32" ? 4 : 2));
    };
  };
  const auto set_group = [](int32_t value) {
    return [value](HuggingFaceTensor& t) { std::memcpy(t.data.data() + 4 * 9, &value, 4); };
  };
  expect_error(with(0, reshape({8, 95})), ErrorCode::kUnsupported, {"expected zeros of 4 bits", "95"});
  expect_error(with(0, reshape({16, 96})), ErrorCode::kMalformed, {"up_proj.qzeros", "[4, 12]", "[2, 12]"});
  expect_error(with(0, reshape({7, 96})), ErrorCode::kUnsupported,
               {"up_proj.qweight", "multiple of 32", "56"});
  expect_error(with(0, reshape({8, 96, 1})), ErrorCode::kMalformed, {"up_proj.qweight", "two dimensions"});
  expect_error(with(0, reshape({0, 96})), ErrorCode::kMalformed, {"up_proj.qweight", "[0, 96]"});
  expect_error(with(1, reshape({2, 13})), ErrorCode::kMalformed, {"up_proj.qzeros", "[2, 12]", "[2, 13]"});
  expect_error(with(2, reshape({63})), ErrorCode::kMalformed, {"up_proj.g_idx", "[64]", "[63]"});
  expect_error(with(3, reshape({1, 96})), ErrorCode::kMalformed, {"up_proj.scales", "[2, 96]", "[1, 96]"});
  expect_error(with(2, set_group(2)), ErrorCode::kMalformed, {"up_proj.g_idx", "0 to 1", "found 2 at 9"});
  expect_error(with(2, set_group(-1)), ErrorCode::kMalformed, {"up_proj.g_idx", "found -1 at 9"});
  expect_error(with(2, set_group(1)), ErrorCode::kUnsupported, {"up_proj.g_idx", "multiple of 32"});
  expect_error(with(0, [](auto& t) { t.dtype = "F32"; }), ErrorCode::kMalformed,
               {"up_proj.qweight", "I32", "F32"});
  expect_error(with(3, [](auto& t) { t.dtype = "I16"; }), ErrorCode::kMalformed,
               {"up_proj.scales", "F16", "I16"});
  for (const size_t missing : {0U, 1U, 3U}) {
    std::vector<HuggingFaceTensor> fewer = tensors;
    const std::string name = fewer[missing].name.substr(fewer[missing].name.rfind('.'));
    fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(missing));
    expect_error(with_packed(tiny_model(), fewer, options), ErrorCode::kMalformed,
                 {"blk.0.ffn_up", name, "no such tensor"});
  }
  // What the configuration says does not fit the tensors.
  PackingOptions other = options;
  other.bits = 8;
  expect_error(with_packed(tiny_model(), tensors, other), ErrorCode::kMalformed,
               {"up_proj.qzeros", "[1, 24]"});
  other = options;
  other.group_size = 64;
  expect_error(with_packed(tiny_model(), tensors, other), ErrorCode::kMalformed,
               {"up_proj.qzeros", "[1, 12]"});
}

}  // namespace
}  // namespace hearth::models
