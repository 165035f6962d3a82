// Adapters: what is written is what is read, in both forms, and what is wrong is said.
#include "models/adapter/lora_adapter.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "models/adapter/lora_gguf.h"
#include "models/adapter/lora_peft.h"
#include "models/adapter/merged_checkpoint.h"
#include "quant/quant.h"
#include "tests/support/random_adapter.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_data.h"
#include "tests/support/tiny_llama.h"

namespace hearth::models {
namespace {

namespace fs = std::filesystem;
using testing::random_adapter;
using testing::TinyLlama;

constexpr double kAlpha = 1.5;  // rank 3 with a scale of 0.5

class LoraFiles : public ::testing::Test {
 protected:
  LoraFiles() : adapter(random_adapter(base, testing::kLlamaTargets, 3, 1)) {}

  void expect_same(const Result<LoraAdapter>& read) const {
    ASSERT_TRUE(read) << read.error().message();
    ASSERT_EQ(read->matrices.size(), adapter.matrices.size());
    for (size_t i = 0; i < adapter.matrices.size(); ++i) {
      const LoraMatrix& is = read->matrices[i];
      const LoraMatrix& was = adapter.matrices[i];
      EXPECT_EQ(is.weight, was.weight);
      EXPECT_EQ(is.rank, was.rank);
      EXPECT_EQ(is.rows, was.rows);
      EXPECT_EQ(is.columns, was.columns);
      EXPECT_EQ(is.scale, was.scale);
      EXPECT_EQ(is.a, was.a);
      EXPECT_EQ(is.b, was.b);
    }
  }
  std::string refusal(const fs::path& path) const {
    const auto read = read_lora_adapter(path, base);
    return read ? "" : read.error().message();
  }
  // With a field of adapter_config.json changed.
  std::string peft_refusal(const char* field, const nlohmann::json& value) {
    write_peft();
    auto config = nlohmann::json::parse(testing::read_file(folder / "adapter_config.json"));
    config[field] = value;
    std::ofstream(folder / "adapter_config.json") << config;
    return refusal(folder.path());
  }
  void write_peft() const {
    const auto written = write_peft_adapter(folder.path(), adapter, base, {"base", kAlpha, false});
    ASSERT_TRUE(written) << written.error().message();
  }
  void expect_refused(const std::string& message, std::initializer_list<std::string_view> parts) const {
    for (const std::string_view part : parts)
      EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
  }

  const testing::TemporaryFolder folder;
  const std::string bytes = TinyLlama({}, 1).gguf().build();
  const GgufCheckpoint base{gguf::File::parse(std::as_bytes(std::span(bytes)), "base.gguf").value()};
  LoraAdapter adapter;
};

TEST_F(LoraFiles, Gguf_IsReadAsItWasWritten) {
  const auto written = write_gguf_adapter(folder / "a.gguf", adapter, "llama");
  ASSERT_TRUE(written) << written.error().message();
  expect_same(read_lora_adapter(folder / "a.gguf", base));
}

TEST_F(LoraFiles, Peft_IsReadAsItWasWritten) {
  write_peft();
  expect_same(read_lora_adapter(folder.path(), base));
}

// Hugging Face's rows of a head are its even rows here, then its odd ones; values and others are as they are.
TEST_F(LoraFiles, Peft_HasHuggingFacesNamesAndRows) {
  write_peft();
  const std::string weights = testing::read_file(folder / "adapter_model.safetensors");
  const auto file = safetensors::File::parse(std::as_bytes(std::span(weights)), "weights");
  ASSERT_TRUE(file);
  EXPECT_EQ(file->tensors().size(), 2 * adapter.matrices.size());
  const auto rows_of = [&](const char* name) {
    const safetensors::TensorInfo* tensor = file->find_tensor(name);
    EXPECT_NE(tensor, nullptr) << name;
    std::vector<float> values(tensor->data.size() / sizeof(float));
    std::memcpy(values.data(), tensor->data.data(), tensor->data.size());
    return values;
  };
  const auto matrix = [&](const char* weight) {
    return *std::find_if(adapter.matrices.begin(), adapter.matrices.end(),
                         [&](const LoraMatrix& m) { return m.weight == weight; });
  };
  const LoraMatrix k = matrix("blk.1.attn_k.weight");
  const auto theirs = rows_of("base_model.model.model.layers.1.self_attn.k_proj.lora_B.weight");
  constexpr int64_t kHeadDim = 16;
  for (int64_t row = 0; row < k.rows; ++row) {
    const int64_t within = row % kHeadDim;
    const int64_t here = row - within + (within < 8 ? 2 * within : 2 * (within - 8) + 1);
    for (int64_t r = 0; r < k.rank; ++r)
      ASSERT_EQ(theirs[static_cast<size_t>(row * k.rank + r)], k.b[static_cast<size_t>(here * k.rank + r)]);
  }
  EXPECT_EQ(rows_of("base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"),
            matrix("blk.0.attn_q.weight").a);
  EXPECT_EQ(rows_of("base_model.model.model.layers.0.mlp.down_proj.lora_B.weight"),
            matrix("blk.0.ffn_down.weight").b);
  const auto config = nlohmann::json::parse(testing::read_file(folder / "adapter_config.json"));
  EXPECT_EQ(config["r"], 3);
  EXPECT_EQ(config["lora_alpha"], kAlpha);
  EXPECT_EQ(config["target_modules"].size(), 7U);
}

TEST_F(LoraFiles, Peft_HalfPrecisionAndRankStabilisation_AreRead) {
  std::vector<uint16_t> halves(3 * 64, 0x3C00);  // 1 in F16
  std::vector<uint16_t> brains(64 * 3, 0x4000);  // 2 in BF16
  testing::SafetensorsWriter writer;
  const std::string module = "base_model.model.model.layers.0.self_attn.o_proj.";
  writer.add(module + "lora_A.weight", "F16", {3, 64}, testing::bytes_of(halves));
  writer.add(module + "lora_B.weight", "BF16", {64, 3}, testing::bytes_of(brains));
  std::ofstream(folder / "adapter_model.safetensors", std::ios::binary) << writer.build();
  std::ofstream(folder / "adapter_config.json")
      << R"({"peft_type": "LORA", "r": 3, "lora_alpha": 6, "use_rslora": true, "bias": "none",
             "init_lora_weights": true, "rank_pattern": {}, "modules_to_save": null})";
  const auto read = read_lora_adapter(folder.path(), base);
  ASSERT_TRUE(read) << read.error().message();
  ASSERT_EQ(read->matrices.size(), 1U);
  EXPECT_EQ(read->matrices[0].weight, "blk.0.attn_output.weight");
  EXPECT_FLOAT_EQ(read->matrices[0].scale, static_cast<float>(6 / std::sqrt(3.0)));
  EXPECT_EQ(read->matrices[0].a[5], 1.0F);
  EXPECT_EQ(read->matrices[0].b[7], 2.0F);
}

TEST_F(LoraFiles, Peft_WhatChangesTheResult_IsRefused) {
  for (const auto& [field, value] :
       std::initializer_list<std::pair<const char*, nlohmann::json>>{{"use_dora", true},
                                                                     {"bias", "all"},
                                                                     {"rank_pattern", {{"q_proj", 4}}},
                                                                     {"alpha_pattern", {{"q_proj", 4}}},
                                                                     {"fan_in_fan_out", true},
                                                                     {"modules_to_save", {"lm_head"}},
                                                                     {"init_lora_weights", "pissa"},
                                                                     {"layer_replication", {{0, 1}}},
                                                                     {"peft_type", "LOHA"}}) {
    expect_refused(peft_refusal(field, value), {folder.path().string(), "adapter_config.json", field});
  }
  expect_refused(peft_refusal("r", 4), {"adapter_model.safetensors", "lora_A", "A [4, columns]"});
  expect_refused(peft_refusal("r", "many"), {"adapter_config.json: r: expected"});
  EXPECT_EQ(peft_refusal("lora_dropout", 0.1), "");
}

TEST_F(LoraFiles, WhatDoesNotFit_IsRefused) {
  const auto gguf_refusal = [&] {
    EXPECT_TRUE(write_gguf_adapter(folder / "a.gguf", adapter, "llama"));
    return refusal(folder / "a.gguf");
  };
  const LoraAdapter whole = adapter;
  adapter.matrices[0].weight = "blk.7.attn_q.weight";
  expect_refused(gguf_refusal(), {"a.gguf", "blk.7.attn_q.weight", "base.gguf"});
  adapter = whole;
  adapter.matrices[0].weight = "blk.0.ffn_gate.weight";
  adapter.matrices.resize(1);
  expect_refused(gguf_refusal(), {"blk.0.ffn_gate.weight: expected an adapter of [96, 64], found one of"});
  adapter = random_adapter(base, {"attn_q"}, 65, 1);
  expect_refused(gguf_refusal(), {"blk.0.attn_q.weight: expected a rank from 1 to 64, found 65"});
  adapter = whole;
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    adapter.matrices[2].b[3] = bad;
    expect_refused(gguf_refusal(), {adapter.matrices[2].weight, "expected finite numbers"});
  }
  adapter = whole;
  ASSERT_TRUE(write_gguf_adapter(folder / "other.gguf", adapter, "qwen2"));
  expect_refused(refusal(folder / "other.gguf"), {"general.architecture: expected llama", "qwen2"});
  testing::GgufWriter activated;
  activated.add_string("general.architecture", "llama").add_string("general.type", "adapter");
  activated.add_string("adapter.type", "lora").add_string("adapter.alora.invocation_tokens", "x");
  activated.write(folder / "activated.gguf");
  expect_refused(refusal(folder / "activated.gguf"), {"adapter.alora.invocation_tokens"});
  std::ofstream(folder / "model.gguf", std::ios::binary) << bytes;
  expect_refused(refusal(folder / "model.gguf"), {"general.type: expected adapter"});
  const std::string file = testing::read_file(folder / "other.gguf");
  std::ofstream(folder / "cut.gguf", std::ios::binary) << file.substr(0, file.size() - 8);
  EXPECT_NE(refusal(folder / "cut.gguf"), "");
  expect_refused(refusal(folder / "none.gguf"), {"none.gguf"});
  expect_refused(refusal(folder.path()), {"adapter_config.json"});
}

std::vector<float> values_of(const Checkpoint& checkpoint, const std::string& name) {
  const gguf::TensorInfo* tensor = checkpoint.find_tensor(name);
  const auto data = checkpoint.data(*tensor);
  EXPECT_TRUE(data);
  std::vector<float> values(static_cast<size_t>(tensor->shape.n_elements()));
  quant::dequantize_row(tensor->dtype, data->data(), values.data(), std::ssize(values));
  return values;
}

TEST_F(LoraFiles, Merged_HasTheChangesAdded) {
  const auto merged = MergedCheckpoint::create(base, adapter, MergedType::kKeep);
  ASSERT_TRUE(merged) << merged.error().message();
  EXPECT_EQ((*merged)->tensors().size(), base.tensors().size());
  for (const LoraMatrix& m : adapter.matrices) {
    const std::vector<float> was = values_of(base, m.weight);
    const std::vector<float> is = values_of(**merged, m.weight);
    for (int64_t row = 0; row < m.rows; ++row) {
      for (int64_t column = 0; column < m.columns; ++column) {
        double change = 0.0;
        for (int64_t r = 0; r < m.rank; ++r)
          change += static_cast<double>(m.b[static_cast<size_t>(row * m.rank + r)]) *
                    m.a[static_cast<size_t>(r * m.columns + column)];
        const auto at = static_cast<size_t>(row * m.columns + column);
        ASSERT_NEAR(is[at], was[at] + m.scale * change, 1e-6) << m.weight;
      }
    }
    (*merged)->release(*(*merged)->find_tensor(m.weight));
    EXPECT_EQ(values_of(**merged, m.weight), is) << "computed again";
  }
  EXPECT_EQ(values_of(**merged, "token_embd.weight"), values_of(base, "token_embd.weight"));
}

}  // namespace
}  // namespace hearth::models
