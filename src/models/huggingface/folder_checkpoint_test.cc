// Folders: which tensors they give under which names, and which folders are refused.
#include "models/huggingface/folder_checkpoint.h"

#include <gtest/gtest.h>

#include <cstring>

#include "backends/cpu/cpu_backend.h"
#include "models/model.h"
#include "quant/half.h"
#include "tests/support/huggingface_folder.h"
#include "tests/support/safetensors_writer.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/tiny_llama.h"

namespace hearth::models {
namespace {

using testing::HuggingFaceModel;
using testing::HuggingFaceTensor;
using testing::write_file;

class FolderCheckpointTest : public ::testing::Test {
 protected:
  FolderCheckpointTest() {
    const std::string bytes =
        testing::TinyLlama({.n_layers = 1}, 3).gguf().add_u32("llama.vocab_size", 285).build();
    model_ = testing::as_huggingface(*gguf::File::parse(std::as_bytes(std::span(bytes)), "tiny.gguf"));
  }

  Result<std::unique_ptr<const Checkpoint>> open() const {
    testing::write_folder(model_, folder_.path());
    return open_checkpoint(folder_.path());
  }
  std::vector<float> floats(const Checkpoint& checkpoint, std::string_view name) const {
    const gguf::TensorInfo* info = checkpoint.find_tensor(name);
    EXPECT_NE(info, nullptr) << name;
    EXPECT_EQ(info->dtype, tensor::DType::kF32);
    const auto data = checkpoint.data(*info);
    EXPECT_TRUE(data);
    std::vector<float> values(data->size() / sizeof(float));
    std::memcpy(values.data(), data->data(), data->size());
    return values;
  }
  void expect_error(ErrorCode code, std::initializer_list<std::string_view> parts) const {
    const auto checkpoint = open();
    ASSERT_FALSE(checkpoint);
    EXPECT_EQ(checkpoint.error().code(), code) << checkpoint.error().message();
    for (const std::string_view part : parts) {
      EXPECT_NE(checkpoint.error().message().find(part), std::string::npos)
          << "'" << part << "' in: " << checkpoint.error().message();
    }
  }

  testing::TemporaryFolder folder_;
  HuggingFaceModel model_;
};

TEST_F(FolderCheckpointTest, Folder_IsDescribedInGgufsTerms) {
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().message();
  EXPECT_EQ((*checkpoint)->name(), folder_.path().filename().string());
  EXPECT_EQ(*(*checkpoint)->string("general.architecture"), "llama");
  EXPECT_EQ(*(*checkpoint)->u64("llama.block_count"), 1U);
  EXPECT_EQ((*checkpoint)->files().format, "safetensors");
  EXPECT_EQ((*checkpoint)->tensors().size(), 12U);
  const gguf::TensorInfo* q = (*checkpoint)->find_tensor("blk.0.attn_q.weight");
  ASSERT_NE(q, nullptr);
  EXPECT_EQ(q->shape, (tensor::Shape{64, 64}));
  EXPECT_EQ(q->size_bytes, 64U * 64 * 4);
  EXPECT_EQ(*trained_context_tokens(**checkpoint), 256);
}

TEST_F(FolderCheckpointTest, Matrices_StayInTheMapping_VectorsBecomeF32) {
  const std::vector<float> norm{0.5F, -1.25F, 3.0F, 1e-3F};
  const auto bits = [&](auto convert) {
    std::vector<uint16_t> out;
    for (int i = 0; i < 16; ++i) {
      for (const float v : norm) out.push_back(convert(v));
    }
    return out;
  };
  HuggingFaceTensor& stored = model_.at("model.norm.weight");
  stored.dtype = "BF16";
  stored.data = testing::bytes_of(bits(quant::f32_to_bf16));
  auto checkpoint = open();
  ASSERT_TRUE(checkpoint) << checkpoint.error().message();
  std::vector<float> values = floats(**checkpoint, "output_norm.weight");
  ASSERT_EQ(values.size(), 64U);
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(values[i], quant::bf16_to_f32(quant::f32_to_bf16(norm[i])));
  stored.dtype = "F16";
  stored.data = testing::bytes_of(bits(quant::f32_to_f16));
  checkpoint = open();
  values = floats(**checkpoint, "output_norm.weight");
  for (size_t i = 0; i < 4; ++i) EXPECT_EQ(values[i], quant::f16_to_f32(quant::f32_to_f16(norm[i])));
  const gguf::TensorInfo* q = (*checkpoint)->find_tensor("blk.0.attn_q.weight");
  EXPECT_EQ((*checkpoint)->data(*q)->data(), q->data.data());
}

TEST_F(FolderCheckpointTest, TensorsAtOddAddresses_AreConverted) {
  const auto plain = open();
  const std::vector<float> expected = floats(**plain, "blk.0.ffn_up.weight");
  // A tensor of one byte before all others.
  model_.tensors.insert(model_.tensors.begin(),
                        {"model.layers.0.self_attn.rotary_emb.inv_freq", "U8", {1}, "x"});
  const auto shifted = open();
  ASSERT_TRUE(shifted) << shifted.error().message();
  EXPECT_EQ(floats(**shifted, "blk.0.ffn_up.weight"), expected);
  auto backend = cpu::make_cpu_backend({Isa::kScalar, 1});
  EXPECT_TRUE(load_model(**shifted, **backend, 256));
}

TEST_F(FolderCheckpointTest, OutputMatrix_IsTiedOnlyWhereTheConfigurationSaysSo) {
  model_.config["tie_word_embeddings"] = true;
  const auto tied = open();
  ASSERT_TRUE(tied);
  EXPECT_EQ((*tied)->find_tensor("output.weight"), nullptr) << "what is stored twice is not read";
  model_.config["tie_word_embeddings"] = false;
  EXPECT_NE((*open())->find_tensor("output.weight"), nullptr);
  model_.tensors.erase(std::find_if(model_.tensors.begin(), model_.tensors.end(),
                                    [](const auto& t) { return t.name == "lm_head.weight"; }));
  expect_error(ErrorCode::kMalformed, {"lm_head.weight", "tie_word_embeddings is false"});
}

TEST_F(FolderCheckpointTest, TensorsWithoutAPlace_AreRefusedByName) {
  for (const char* name : {"model.layers.0.self_attn.q_proj.lora_A", "model.layers.00.mlp.up_proj.weight",
                           "model.layers.x.mlp.up_proj.weight", "vision_tower.x.weight",
                           "embed_tokens.weight", "model.layers.0.block_sparse_moe.gate.weight", "x"}) {
    const HuggingFaceModel before = model_;
    model_.tensors.push_back({name, "F32", {1}, std::string(4, '\0')});
    expect_error(ErrorCode::kUnsupported, {name, "no place", "LlamaForCausalLM"});
    model_ = before;
  }
}

TEST_F(FolderCheckpointTest, TypesAndShapesThatCannotBe_AreRefusedByName) {
  HuggingFaceTensor& up = model_.at("model.layers.0.mlp.up_proj.weight");
  const HuggingFaceTensor before = up;
  up.dtype = "F8_E4M3";
  up.data.resize(96 * 64);
  expect_error(ErrorCode::kUnsupported, {"mlp.up_proj.weight", "F8_E4M3"});
  up = before;
  up.shape = {2, 48, 8, 8, 1};
  expect_error(ErrorCode::kMalformed, {"mlp.up_proj.weight", "[2, 48, 8, 8, 1]"});
  up.shape = {0, 64};
  up.data.clear();
  expect_error(ErrorCode::kMalformed, {"mlp.up_proj.weight", "[0, 64]"});
  up = before;
  up.shape = {64, 96};
  const auto checkpoint = open();
  ASSERT_TRUE(checkpoint);
  auto backend = cpu::make_cpu_backend({Isa::kScalar, 1});
  const auto model = load_model(**checkpoint, **backend, 256);
  ASSERT_FALSE(model);
  EXPECT_NE(model.error().message().find("blk.0.ffn_up.weight: expected shape [96, 64], found [64, 96]"),
            std::string::npos)
      << model.error().message();
}

TEST_F(FolderCheckpointTest, FoldersThatAreNone_SayWhatIsMissing) {
  const auto empty = open_checkpoint(folder_.path());
  ASSERT_FALSE(empty);
  EXPECT_EQ(empty.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(empty.error().message().find("config.json"), std::string::npos);
  write_file(folder_.path() / "config.json", "{\"architectures\": [");
  const auto broken = open_checkpoint(folder_.path());
  EXPECT_EQ(broken.error().code(), ErrorCode::kMalformed);
  EXPECT_NE(broken.error().message().find("config.json: JSON: byte"), std::string::npos)
      << broken.error().message();
}

TEST(GemmaFolder, Norms_AreOneMoreThanStored_AndImagesAreLeftOut) {
  const nlohmann::json config{{"architectures", {"Gemma3ForConditionalGeneration"}}};
  const auto family = find_huggingface_family(*HuggingFaceConfig::of(config, "config.json"));
  ASSERT_TRUE(family);
  const testing::TemporaryFolder folder;
  const std::vector<float> values{-0.5F, 0.0F, 2.0F};
  testing::SafetensorsWriter writer;
  for (const char* name :
       {"language_model.model.norm.weight", "language_model.model.layers.0.post_attention_layernorm.weight",
        "language_model.model.layers.0.self_attn.q_norm.weight"}) {
    writer.add(name, "F32", {3}, testing::bytes_of(values));
  }
  writer.add("vision_tower.patch.weight", "F32", {1, 1, 1, 1, 3}, testing::bytes_of(values));
  writer.add("multi_modal_projector.x", "F32", {3}, testing::bytes_of(values));
  write_file(folder.path() / "model.safetensors", writer.build());
  Hyperparameters hyperparameters;
  hyperparameters.tied = true;
  auto tensors = HuggingFaceTensors::of(*safetensors::Shards::open(*safetensors::Folder::open(folder.path())),
                                        **family, hyperparameters, std::nullopt);
  ASSERT_TRUE(tensors) << tensors.error().message();
  EXPECT_EQ(tensors->infos().size(), 3U);
  for (const char* name :
       {"output_norm.weight", "blk.0.post_attention_norm.weight", "blk.0.attn_q_norm.weight"}) {
    const gguf::TensorInfo* info = tensors->find(name);
    ASSERT_NE(info, nullptr) << name;
    const auto data = tensors->data(*info);
    float found[3];
    std::memcpy(found, data->data(), sizeof(found));
    for (size_t i = 0; i < 3; ++i) EXPECT_EQ(found[i], values[i] + 1.0F);
  }
}

}  // namespace
}  // namespace hearth::models
