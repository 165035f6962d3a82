#include "cli/serve_options.h"

#include <gtest/gtest.h>

#include <map>

namespace hearth::cli {
namespace {

using Variables = std::map<std::string, std::string>;

Result<ServeOptions> read(const Variables& variables, const std::set<std::string>& given = {}) {
  ServeOptions options;
  const auto environment = [&](const std::string& name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string() : found->second;
  };
  HEARTH_TRY(read_environment(environment, given, options));
  return options;
}

TEST(ServeEnvironment, OllamasVariables_AreRead) {
  const auto options = read({{"OLLAMA_HOST", "0.0.0.0:8080"},
                             {"OLLAMA_CONTEXT_LENGTH", "16384"},
                             {"OLLAMA_NUM_PARALLEL", "4"},
                             {"OLLAMA_MAX_QUEUE", "7"},
                             {"OLLAMA_MAX_LOADED_MODELS", "2"},
                             {"OLLAMA_KEEP_ALIVE", "90"},
                             {"OLLAMA_LOAD_TIMEOUT", "10m"},
                             {"OLLAMA_KV_CACHE_TYPE", "q8_0"},
                             {"OLLAMA_ORIGINS", "https://a.example, app://*"}});
  ASSERT_TRUE(options) << options.error().message();
  EXPECT_EQ(options->host, "0.0.0.0:8080");
  EXPECT_EQ(options->host_source, "OLLAMA_HOST");
  EXPECT_EQ(options->context_tokens, 16384);
  EXPECT_EQ(options->max_sequences, 4);
  EXPECT_EQ(options->max_waiting, 7);
  EXPECT_EQ(options->max_loaded, 2);
  EXPECT_EQ(options->keep_alive, "90s");
  EXPECT_EQ(options->load_timeout, "10m");
  EXPECT_EQ(options->kv_types.k, tensor::DType::kQ8_0);
  EXPECT_EQ(options->kv_types.v, tensor::DType::kQ8_0);
  EXPECT_EQ(options->allowed_origins, (std::vector<std::string>{"https://a.example", "app://*"}));
}

TEST(ServeEnvironment, OwnVariablesAndOptions_ComeFirst) {
  const Variables both{{"OLLAMA_HOST", "a:1"},          {"HEARTH_HOST", "b:2"},
                       {"OLLAMA_KEEP_ALIVE", "1h"},     {"HEARTH_KEEP_ALIVE", "-1"},
                       {"HEARTH_LOAD_TIMEOUT", "0"},    {"HEARTH_MAX_QUEUE", "9"},
                       {"OLLAMA_KV_CACHE_TYPE", "q4_0"}};
  const auto own = read(both);
  ASSERT_TRUE(own);
  EXPECT_EQ(own->host, "b:2");
  EXPECT_EQ(own->host_source, "HEARTH_HOST");
  EXPECT_EQ(own->keep_alive, "-1s");
  EXPECT_EQ(own->load_timeout, "0s");
  EXPECT_EQ(own->max_waiting, 9);
  const auto given = read(both, {"--host", "--keep-alive", "--max-waiting", "--cache-type-v"});
  ASSERT_TRUE(given);
  EXPECT_EQ(given->host, "");
  EXPECT_EQ(given->keep_alive, "5m");
  EXPECT_EQ(given->max_waiting, 512);
  EXPECT_EQ(given->kv_types.k, tensor::DType::kF16);
}

TEST(ServeEnvironment, Nought_LeavesWhatOllamaChoosesItself) {
  const auto options = read({{"OLLAMA_CONTEXT_LENGTH", "0"},
                             {"OLLAMA_NUM_PARALLEL", "0"},
                             {"OLLAMA_MAX_LOADED_MODELS", "0"},
                             {"OLLAMA_ORIGINS", ""}});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->context_tokens, 0);
  EXPECT_EQ(options->max_sequences, 8);
  EXPECT_EQ(options->max_loaded, 3);
  EXPECT_TRUE(options->allowed_origins.empty());
}

TEST(ServeEnvironment, WhatCannotBe_IsRefusedByItsName) {
  const Variables wrong{{"OLLAMA_CONTEXT_LENGTH", "many"}, {"HEARTH_NUM_PARALLEL", "-1"},
                        {"OLLAMA_MAX_QUEUE", "0"},         {"OLLAMA_MAX_LOADED_MODELS", "2000"},
                        {"OLLAMA_KV_CACHE_TYPE", "q5_1"},  {"OLLAMA_ORIGINS", "https://a.example,*"}};
  for (const auto& variable : wrong) {
    const auto options = read({variable});
    ASSERT_FALSE(options) << variable.first;
    EXPECT_EQ(options.error().code(), ErrorCode::kUsage);
    EXPECT_TRUE(options.error().message().starts_with(variable.first + ": ")) << options.error().message();
  }
}

TEST(ServeEnvironment, Help_NamesEveryVariable) {
  for (const char* name : {"HEARTH_HOST", "HEARTH_CONTEXT_LENGTH", "HEARTH_ORIGINS", "--cache-type-k"})
    EXPECT_NE(environment_help().find(name), std::string::npos) << name;
}

}  // namespace
}  // namespace hearth::cli
