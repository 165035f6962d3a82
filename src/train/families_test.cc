// Training computes what the engine runs: tiny models of each family, whose answers llama.cpp gave, alone and
// with an adapter.
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>

#include "backends/cpu/cpu_backend.h"
#include "engine/loaded_model.h"
#include "models/adapter/lora_gguf.h"
#include "tests/golden/golden.h"
#include "tests/support/huggingface_folder.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/test_data.h"
#include "train/base_model.h"
#include "train/lora.h"
#include "train/train_fixture.h"

namespace hearth::train {
namespace {

// A model's file with an adapter of zeros on it, as training has it.
class Trained {
 public:
  explicit Trained(const std::filesystem::path& path, int64_t n_tokens)
      : compute_(1),
        base_(models::open_checkpoint(path).value()),
        config_(read_base_config(*base_, 0).value()),
        layout_(config_),
        options_{.rank = 2, .alpha = 3, .targets = all_targets(layout_)},
        lora_(LoraLayout::create(layout_, options_).value()),
        frozen_(FrozenWeights<double>::create(*base_, layout_).value()),
        weights_(layout_, lora_, options_, frozen_),
        decoder_(config_, {1, n_tokens}, weights_, compute_.threads) {}

  double loss(std::span<const int32_t> tokens) {
    return decoder_.loss(tokens.first(tokens.size() - 1), tokens.subspan(1));
  }

  // Random numbers, as large as to change the answers.
  void set_adapter(uint32_t seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> normal(0.0, 0.2);
    for (double& value : weights_.values()) value = normal(random);
  }
  void write_adapter(const std::filesystem::path& path) {
    models::LoraAdapter adapter{"adapter", {}};
    for (const LoraLayout::Pair& pair : lora_.pairs) {
      const Parameter& parameter = layout_.parameters[pair.place];
      const auto part = [&](int64_t begin, int64_t end) {
        return std::vector<float>(weights_.values().begin() + begin, weights_.values().begin() + end);
      };
      adapter.matrices.push_back({parameter.name, options_.rank, parameter.rows, parameter.columns,
                                  static_cast<float>(options_.scale()), part(pair.a_begin, pair.b_begin),
                                  part(pair.b_begin, pair.end)});
    }
    ASSERT_TRUE(models::write_gguf_adapter(path, adapter, base_->string("general.architecture").value()));
  }

 private:
  Compute compute_;
  std::unique_ptr<const models::Checkpoint> base_;
  DecoderConfig config_;
  DecoderLayout layout_;
  LoraOptions options_;
  LoraLayout lora_;
  FrozenWeights<double> frozen_;
  LoraWeights<double> weights_;
  Decoder<double> decoder_;
};

// -ln p(next) of each token, as the engine has it.
std::vector<double> engine_losses(engine::LoadedModel& model, std::span<const int32_t> tokens,
                                  const std::shared_ptr<const models::LoadedAdapter>& adapter) {
  std::vector<double> losses;
  const auto add = [&](int64_t position, std::span<const float> logits) {
    const auto next = static_cast<size_t>(position) + 1;
    if (next == tokens.size()) return true;
    double sum = 0.0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
    losses.push_back(std::log(sum) - static_cast<double>(logits[static_cast<size_t>(tokens[next])]));
    return true;
  };
  EXPECT_TRUE(model.engine().evaluate(tokens, add, adapter));
  return losses;
}

double total_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

double golden_loss(const testing::Golden& golden) {
  double loss = 0.0;
  for (size_t i = 0; i + 1 < golden.tokens.size(); ++i) {
    const auto p = golden.probabilities_after(static_cast<int64_t>(i));
    loss -= std::log(static_cast<double>(p[static_cast<size_t>(golden.tokens[i + 1])]));
  }
  return loss;
}

class TrainFamilies : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Families, TrainFamilies,
                         ::testing::Values("llama", "llama-tied-ropefreqs", "llama-yarn", "qwen2", "qwen3",
                                           "gemma2", "gemma3", "glm4", "granite", "olmo2", "phi3", "smollm3"),
                         [](const auto& name) {
                           std::string text = name.param;
                           std::erase(text, '-');
                           return text;
                         });

TEST_P(TrainFamilies, Losses_AreTheEngines_AloneAndWithAnAdapter) {
  HEARTH_NEEDS_TEST_DATA(path, std::string("golden/arch/") + GetParam() + ".gguf");
  const testing::Golden golden = testing::read_golden(path);
  const std::span<const int32_t> tokens(golden.tokens);
  Trained trained(path, std::ssize(tokens) - 1);
  const auto model =
      engine::LoadedModel::load(path, std::move(cpu::make_cpu_backend({Isa::kScalar, 1})).value(), {});
  ASSERT_TRUE(model) << model.error().message();

  const double alone = trained.loss(tokens);
  EXPECT_NEAR(alone, golden_loss(golden), 3e-3 * alone) << "llama.cpp, which rounds activations";
  const std::vector<double> engine_alone = engine_losses(**model, tokens, nullptr);
  EXPECT_NEAR(alone, total_of(engine_alone), 3e-4 * alone);

  testing::TemporaryFolder folder;
  trained.set_adapter(3);
  trained.write_adapter(folder / "adapter.gguf");
  const auto adapter = (*model)->load_adapter(folder / "adapter.gguf");
  ASSERT_TRUE(adapter) << adapter.error().message();
  const std::vector<double> engine_adapted = engine_losses(**model, tokens, *adapter);
  const double adapted = trained.loss(tokens);
  EXPECT_NEAR(adapted, total_of(engine_adapted), 5e-4 * adapted);
  double change = 0.0;
  for (size_t i = 0; i < engine_alone.size(); ++i) change += std::abs(engine_adapted[i] - engine_alone[i]);
  EXPECT_GT(change, 1e-2 * alone) << "the adapter is not applied";
}

// A folder of safetensors has the order of rows that GGUF has, but for the families that are converted.
TEST(TrainFolders, Losses_AreThoseOfTheFile_OrTheFolderIsRefused) {
  for (const std::string name : {"qwen2", "qwen3", "phi3", "gemma3", "llama"}) {
    HEARTH_NEEDS_TEST_DATA(path, "golden/arch/" + name + ".gguf");
    const auto file = gguf::File::open(path);
    ASSERT_TRUE(file);
    testing::TemporaryFolder folder;
    testing::write_folder(testing::as_huggingface(*file), folder.path());
    const auto base = models::open_checkpoint(folder.path());
    ASSERT_TRUE(base) << base.error().message();
    const auto config = read_base_config(**base, 0);
    ASSERT_EQ(config.has_value(), name != "llama");
    if (!config) {
      EXPECT_NE(config.error().message().find("rows stand in another order"), std::string::npos);
      continue;
    }
    const std::vector<int32_t> tokens = testing::golden_tokens();
    const auto n = std::ssize(tokens) - 1;
    const double expected = Trained(path, n).loss(tokens);
    EXPECT_NEAR(Trained(folder.path(), n).loss(tokens), expected, 1e-4 * expected) << name;
  }
}

class UntrainedFamilies : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};
INSTANTIATE_TEST_SUITE_P(
    Families, UntrainedFamilies,
    ::testing::Values(std::pair("llama-moe", "a mixture of experts"), std::pair("qwen35", "other layers"),
                      std::pair("gpt2", "learned positions"),
                      std::pair("starcoder2", "norms of another kind"),
                      std::pair("gemma4", "layers of its own; Hearth cannot fine-tune it"),
                      std::pair("deepseek2", "other layers"), std::pair("gpt-oss", "attention sinks")),
    [](const auto& name) {
      std::string text = name.param.first;
      std::erase(text, '-');
      return text;
    });

TEST_P(UntrainedFamilies, AreRefused_SayingWhatTheyHave) {
  HEARTH_NEEDS_TEST_DATA(path, std::string("golden/arch/") + GetParam().first + ".gguf");
  const auto base = models::open_checkpoint(path);
  ASSERT_TRUE(base);
  const auto config = read_base_config(**base, 0);
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code(), ErrorCode::kUnsupported);
  EXPECT_NE(config.error().message().find(GetParam().second), std::string::npos) << config.error().message();
}

}  // namespace
}  // namespace hearth::train
