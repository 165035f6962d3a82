// What Ollama documents, held to what is served and to what is tested: a field that neither an answer nor a
// row of kRequestFields has fails here.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>

#include "server/ollama/ollama_fixture.h"
#include "tests/support/openapi.h"
#include "tests/support/test_data.h"

namespace hearth::server::ollama {
namespace {

using hearth::testing::fields_of;
using hearth::testing::OpenApi;
using nlohmann::json;

// --- Answers
// ------------------------------------------------------------------------------------------------

constexpr const char* kJson = "application/json";
constexpr const char* kLines = "application/x-ndjson";

// Documented members that no answer of this server has, and why.
const std::map<std::string, std::string> kNeverSent{
    {"message.images", "no model makes pictures"},
    {"models[].remote_model", "nothing is forwarded"},
    {"models[].remote_host", "nothing is forwarded"},
    {"message.tool_calls[].function.description", "the client has it"},
    {"parameters", "the scripted model has none"}};

// Served by Ollama, and so by us, without standing in its description; what ends in a dot, with all that is
// in it.
const std::vector<std::string> kUndescribed{"context",
                                            "modelfile",
                                            "tensors",
                                            "tensors[].",
                                            "model_info.",
                                            "details.",
                                            "models[].details.",
                                            "models[].capabilities",
                                            "models[].context_length",
                                            "message.thinking",
                                            "message.tool_calls[].id",
                                            "message.tool_calls[].function.index",
                                            "message.tool_calls[].function.arguments.",
                                            "logprobs",
                                            "logprobs[].",
                                            "done_reason",
                                            "total_duration",
                                            "load_duration",
                                            "prompt_eval_count",
                                            "prompt_eval_duration",
                                            "eval_count",
                                            "eval_duration",
                                            "system"};

bool is_undescribed(const std::string& field) {
  return std::any_of(kUndescribed.begin(), kUndescribed.end(), [&](const std::string& known) {
    return known.ends_with('.') ? field.starts_with(known) : field == known;
  });
}

class Description : public OllamaTest {
 protected:
  Description() {
    tiny_.opened.set_has_template_thinking(true);
    tiny_.opened.set_license("MIT");
    protocol::Reply delta = delta_reply("Hello");
    protocol::TokenLogprob& token = *delta.mutable_delta()->add_logprobs();
    token.set_piece("Hello");
    token.set_logprob(-0.5F);
    token.add_top()->set_piece("Hello");
    protocol::Reply end = finished_reply(protocol::Finished::STOP, 5, 2);
    end.mutable_finished()->add_token_ids(7);
    tiny_.replies = {accepted_reply(5), delta_reply("hm", protocol::Delta::THINKING), delta,
                     call_reply(0, "weather", R"({"city":"Oslo"})", true), end};
    tiny_.inspection.set_metadata_json(R"({"general.architecture":"llama"})");
    auto& tensor = *tiny_.inspection.add_tensors();
    tensor.set_name("output.weight");
    tensor.add_shape(8);
  }

  // Each answer is what the description says, together they have every member that it names, and no other.
  void expect_described(const OpenApi& api, const std::string& path, const std::string& method,
                        const std::string& content_type, const std::vector<json>& answers) {
    std::set<std::string> seen;
    for (const json& answer : answers) {
      EXPECT_EQ(api.check_answer(answer, path, method, content_type), "") << answer;
      seen.merge(fields_of(answer));
    }
    const std::set<std::string> described = api.answer_fields(path, method, content_type);
    for (const std::string& field : described)
      EXPECT_TRUE(seen.contains(field) || kNeverSent.contains(field)) << path << " never has " << field;
    for (const std::string& field : seen) {
      EXPECT_TRUE(described.contains(field) || is_undescribed(field))
          << path << " has " << field << ", which nobody knows";
    }
  }
  std::vector<json> whole(const std::string& path, const std::string& body) {
    return {post(path, body).json()};
  }
};

TEST_F(Description, Answers_AreWhatOllamaDescribes) {
  HEARTH_NEEDS_TEST_DATA(file, "api/ollama.yaml");
  const OpenApi api = OpenApi::load(file);
  const std::string generate = R"({"model":"tiny","prompt":"hi","logprobs":true,"top_logprobs":1,"stream":)";
  const std::string chat =
      R"({"model":"tiny","messages":[{"role":"user","content":"hi"}],"logprobs":true,"top_logprobs":1,"stream":)";
  expect_described(api, "/api/generate", "post", kJson, whole("/api/generate", generate + "false}"));
  expect_described(api, "/api/generate", "post", kLines, post("/api/generate", generate + "true}").lines());
  expect_described(api, "/api/chat", "post", kJson, whole("/api/chat", chat + "false}"));
  expect_described(api, "/api/chat", "post", kLines, post("/api/chat", chat + "true}").lines());
  expect_described(api, "/api/show", "post", kJson, whole("/api/show", R"({"model":"tiny"})"));
  for (const char* path : {"/api/tags", "/api/ps", "/api/version"})
    expect_described(api, path, "get", kJson, {ask(http::Method::kGet, path).json()});
  protocol::Reply vectors;
  vectors.mutable_vectors()->add_vectors()->add_numbers(0.5F);
  vectors.mutable_vectors()->set_n_prompt_tokens(1);
  tiny_.opened.set_is_encoder(true);
  tiny_.replies = {vectors};
  expect_described(api, "/api/embed", "post", kJson, whole("/api/embed", R"({"model":"tiny","input":"a"})"));
}

TEST_F(Description, Errors_AreWhatOllamaDescribes) {
  HEARTH_NEEDS_TEST_DATA(file, "api/ollama.yaml");
  const OpenApi api = OpenApi::load(file);
  for (const char* path : {"/api/generate", "/api/chat", "/api/embed", "/api/show"}) {
    const json answer = post(path, R"({"model":"nope"})").json();
    EXPECT_EQ(api.check(answer, "ErrorResponse"), "");
    EXPECT_EQ(fields_of(answer), std::set<std::string>{"error"});
  }
}

TEST_F(Description, CheckItself_FindsWhatIsWrong) {
  HEARTH_NEEDS_TEST_DATA(file, "api/ollama.yaml");
  const OpenApi api = OpenApi::load(file);
  json answer =
      post("/api/chat", R"({"model":"tiny","messages":[{"role":"user","content":"x"}],"stream":false})")
          .json();
  EXPECT_EQ(api.check_answer(answer, "/api/chat", "post", kJson), "");
  answer["message"]["role"] = "user";
  EXPECT_NE(api.check_answer(answer, "/api/chat", "post", kJson), "");
  answer["message"]["role"] = "assistant";
  answer["eval_count"] = "2";
  EXPECT_NE(api.check_answer(answer, "/api/chat", "post", kJson), "");
}

// --- Requests
// -----------------------------------------------------------------------------------------------

struct FieldTest {
  const char* field;
  const char* test;  // in whose body the field's name stands
};

// What a client may send to an endpoint, by Ollama's description, its source or (at /v1) the APIs that it
// follows.
const std::map<std::string, std::vector<FieldTest>> kRequestFields{
    {"/api/generate",
     {{"model", "Generation.UnknownModel_Is404"},
      {"prompt", "Generation.EmptyPrompt_LoadsOrUnloads"},
      {"suffix", "Generation.SuffixOfATemplateThatHasIt_IsGivenToIt"},
      {"system", "Generation.GenerateWithATemplate_SendsSystemAndPromptAsConversation"},
      {"template", "Generation.GenerateWithATemplate_SendsSystemAndPromptAsConversation"},
      {"context", "Generation.Context_IsGoneOnWithAndGivenBack"},
      {"stream", "Generation.GenerateWhole_IsOneObject"},
      {"raw", "Generation.GenerateRaw_SendsTheTextWithItsControlTokens"},
      {"format", "Generation.Format_IsAConstraint"},
      {"keep_alive", "Generation.EmptyPrompt_LoadsOrUnloads"},
      {"images", "Generation.WhatIsNotPartOfThisVersion_IsRefusedAndNotIgnored"},
      {"options", "Generation.Options_ReachTheEngine"},
      {"options.seed", "Generation.Options_ReachTheEngine"},
      {"options.temperature", "Generation.Options_ReachTheEngine"},
      {"options.top_k", "Generation.Options_ReachTheEngine"},
      {"options.top_p", "Generation.SamplingOptions_ReachTheEngine"},
      {"options.min_p", "Generation.SamplingOptions_ReachTheEngine"},
      {"options.typical_p", "Generation.SamplingOptions_ReachTheEngine"},
      {"options.repeat_last_n", "Generation.SamplingOptions_ReachTheEngine"},
      {"options.repeat_penalty", "Generation.SamplingOptions_ReachTheEngine"},
      {"options.presence_penalty", "Generation.SamplingOptions_ReachTheEngine"},
      {"options.frequency_penalty", "Generation.SamplingOptions_ReachTheEngine"},
      {"options.stop", "Generation.Options_ReachTheEngine"},
      {"options.num_ctx", "Generation.Options_ReachTheEngine"},
      {"options.num_predict", "Generation.Options_ReachTheEngine"},
      {"options.num_batch", "Generation.Options_ReachTheEngine"},
      {"options.num_gpu", "Generation.Options_ReachTheEngine"},
      {"options.main_gpu", "Generation.Options_ReachTheEngine"},
      {"options.use_mmap", "Generation.Options_ReachTheEngine"},
      {"options.num_thread", "Generation.Options_ReachTheEngine"},
      {"options.num_keep", "Generation.Options_ReachTheEngine"},
      {"options.draft_num_predict", "Generation.Options_ReachTheEngine"},
      {"think", "Generation.Thinking_IsOnByItselfAndStandsApart"},
      {"truncate", "Generation.ShiftAndTruncate_CutNoPrompt"},
      {"shift", "Generation.ShiftAndTruncate_CutNoPrompt"},
      {"logprobs", "Generation.Logprobs_AreListedWithTheirBytes"},
      {"top_logprobs", "Generation.Logprobs_AreListedWithTheirBytes"},
      {"_debug_render_only", "Generation.RenderOnly_ShowsThePrompt"}}},
    {"/api/chat",
     {{"model", "Generation.UnknownModel_Is404"},
      {"messages", "Generation.Messages_ReachTheTemplateWhole"},
      {"messages[].role", "Generation.Messages_ReachTheTemplateWhole"},
      {"messages[].content", "Generation.Messages_ReachTheTemplateWhole"},
      {"messages[].thinking", "Generation.Messages_ReachTheTemplateWhole"},
      {"messages[].images", "Generation.WhatIsNotPartOfThisVersion_IsRefusedAndNotIgnored"},
      {"messages[].tool_calls", "Generation.Messages_ReachTheTemplateWhole"},
      {"messages[].tool_calls[].function", "Generation.Messages_ReachTheTemplateWhole"},
      {"messages[].tool_calls[].function.name", "Generation.Messages_ReachTheTemplateWhole"},
      {"messages[].tool_calls[].function.description", "Generation.ToolsOfMessages_MayBeDescribed"},
      {"messages[].tool_calls[].function.arguments", "Generation.Messages_ReachTheTemplateWhole"},
      {"messages[].tool_name", "Generation.Messages_ReachTheTemplateWhole"},
      {"messages[].tool_call_id", "Generation.Messages_ReachTheTemplateWhole"},
      {"tools", "Generation.Tools_ReachTheTemplate"},
      {"tools[].type", "Generation.Tools_ReachTheTemplate"},
      {"tools[].function", "Generation.Tools_ReachTheTemplate"},
      {"tools[].function.name", "Generation.Tools_ReachTheTemplate"},
      {"tools[].function.description", "Generation.Tools_ReachTheTemplate"},
      {"tools[].function.parameters", "Generation.Tools_ReachTheTemplate"},
      {"format", "Generation.Format_IsAConstraint"},
      {"options", "Generation.Options_ReachTheEngine"},
      {"options.seed", "Generation.Options_ReachTheEngine"},
      {"options.temperature", "Generation.Options_ReachTheEngine"},
      {"options.top_k", "Generation.Options_ReachTheEngine"},
      {"options.top_p", "Generation.SamplingOptions_ReachTheEngine"},
      {"options.min_p", "Generation.SamplingOptions_ReachTheEngine"},
      {"options.stop", "Generation.Options_ReachTheEngine"},
      {"options.num_ctx", "Generation.Options_ReachTheEngine"},
      {"options.num_predict", "Generation.Options_ReachTheEngine"},
      {"stream", "Generation.Chat_StreamsMessages"},
      {"keep_alive", "Generation.EmptyPrompt_LoadsOrUnloads"},
      {"think", "Generation.Thinking_IsOnByItselfAndStandsApart"},
      {"truncate", "Generation.TruncateAskedFor_DropsTheOldestMessagesThatDoNotFit"},
      {"shift", "Generation.ShiftAndTruncate_CutNoPrompt"},
      {"logprobs", "Generation.Logprobs_AreListedWithTheirBytes"},
      {"top_logprobs", "Generation.Logprobs_AreListedWithTheirBytes"}}},
    {"/api/embed",
     {{"model", "Embedding.Embed_GivesAVectorForEachText"},
      {"input", "Embedding.Embed_GivesAVectorForEachText"},
      {"truncate", "Embedding.EmbedOneText_IsAListOfOne"},
      {"dimensions", "Embedding.Embed_GivesAVectorForEachText"},
      {"keep_alive", "Embedding.Embed_GivesAVectorForEachText"},
      {"options", "Embedding.EmbedOptions_AreThoseOfGenerate"},
      {"options.seed", "Embedding.EmbedOptions_AreThoseOfGenerate"},
      {"options.temperature", "Embedding.EmbedOptions_AreThoseOfGenerate"},
      {"options.top_k", "Embedding.EmbedOptions_AreThoseOfGenerate"},
      {"options.top_p", "Embedding.EmbedOptions_AreThoseOfGenerate"},
      {"options.min_p", "Embedding.EmbedOptions_AreThoseOfGenerate"},
      {"options.stop", "Embedding.EmbedOptions_AreThoseOfGenerate"},
      {"options.num_ctx", "Embedding.EmbedOptions_AreThoseOfGenerate"},
      {"options.num_predict", "Embedding.EmbedOptions_AreThoseOfGenerate"}}},
    {"/api/embeddings",
     {{"model", "Embedding.Embeddings_GivesOneVectorAsItIs"},
      {"prompt", "Embedding.Embeddings_GivesOneVectorAsItIs"},
      {"keep_alive", "Embedding.EmbedOptions_AreThoseOfGenerate"},
      {"options", "Embedding.EmbedOptions_AreThoseOfGenerate"}}},
    {"/api/show",
     {{"model", "ModelRoutes.Show_TellsAllButThePath"},
      {"verbose", "ModelRoutes.Show_TellsAllButThePath"},
      {"system", "ModelRoutes.Show_TellsAllButThePath"},
      {"options", "ModelRoutes.Show_TellsAllButThePath"}}},
    {"/v1/chat/completions",
     {{"model", "OpenAiChat.ModelThatCannot_IsRefused"},
      {"messages", "OpenAiChat.Messages_BecomeTheTemplates"},
      {"messages[].content[].image_url", "OpenAiChat.WrongField_IsNamed"},
      {"messages[].content[].input_audio", "OpenAiChat.WrongField_IsNamed"},
      {"messages[].tool_calls", "OpenAiChat.CallsAndTheirResults_BecomeTheTemplates"},
      {"messages[].tool_call_id", "OpenAiChat.CallsAndTheirResults_BecomeTheTemplates"},
      {"stream", "OpenAiChat.Stream_IsTheWholeAnswerInParts"},
      {"stream_options.include_usage", "OpenAiChat.Stream_IsTheWholeAnswerInParts"},
      {"max_tokens", "OpenAiChat.EveryField_ReachesTheEngine"},
      {"seed", "OpenAiChat.EveryField_ReachesTheEngine"},
      {"stop", "OpenAiChat.EveryField_ReachesTheEngine"},
      {"temperature", "OpenAiChat.EveryField_ReachesTheEngine"},
      {"top_p", "OpenAiChat.EveryField_ReachesTheEngine"},
      {"frequency_penalty", "OpenAiChat.EveryField_ReachesTheEngine"},
      {"presence_penalty", "OpenAiChat.EveryField_ReachesTheEngine"},
      {"response_format", "OpenAiChat.ResponseFormat_IsAConstraint"},
      {"tools", "OpenAiChat.Tools_ReachTheTemplate"},
      {"tool_choice", "OpenAiChat.ToolChoice_SaysWhatMayBeCalled"},
      {"parallel_tool_calls", "OpenAiChat.ToolChoice_SaysWhatMayBeCalled"},
      {"reasoning_effort", "OpenAiChat.EveryField_ReachesTheEngine"},
      {"logprobs", "OpenAiChat.Stream_IsTheWholeAnswerInParts"},
      {"top_logprobs", "OpenAiChat.Stream_IsTheWholeAnswerInParts"}}},
    {"/v1/completions",
     {{"prompt", "OpenAiCompletions.Prompts_MayBeTextsOrTokens"},
      {"suffix", "OpenAiCompletions.WrongField_IsNamed"},
      {"stream", "OpenAiCompletions.Stream_IsTheWholeAnswerInParts"},
      {"logprobs", "OpenAiCompletions.WholeAnswer_HasEveryMember"}}},
    {"/v1/embeddings",
     {{"input", "OpenAiEmbeddings.Texts_BecomeVectors"},
      {"dimensions", "OpenAiEmbeddings.Texts_BecomeVectors"},
      {"encoding_format", "OpenAiEmbeddings.Base64_IsLittleEndianF32"}}},
    {"/v1/models", {{"owned_by", "OpenAiModels.List_HasEveryModel"}}},
    {"/v1/responses",
     {{"input", "OpenAiResponses.Items_BecomeMessages"},
      {"instructions", "OpenAiResponses.WholeAnswer_HasEveryMember"},
      {"tools", "OpenAiResponses.Tools_ReachTheTemplateAndAreRepeated"},
      {"text.format", "OpenAiResponses.Format_IsAConstraint"},
      {"reasoning.effort", "OpenAiResponses.WholeAnswer_HasEveryMember"},
      {"max_output_tokens", "OpenAiResponses.LimitReached_IsIncomplete"},
      {"background", "OpenAiResponses.WrongField_IsNamed"},
      {"conversation", "OpenAiResponses.WrongField_IsNamed"}}},
    {"/v1/messages",
     {{"model", "AnthropicMessages.Error_HasAnthropicsShape"},
      {"max_tokens", "AnthropicMessages.EveryField_ReachesTheEngine"},
      {"messages", "AnthropicMessages.EveryField_ReachesTheEngine"},
      {"system", "AnthropicMessages.EveryField_ReachesTheEngine"},
      {"tools", "AnthropicMessages.Tools_ReachTheTemplate"},
      {"tool_choice", "AnthropicMessages.ToolChoice_SaysWhatMayBeCalled"},
      {"output_config.format", "AnthropicMessages.Format_IsAConstraint"},
      {"thinking", "AnthropicMessages.Thinking_IsAsAskedFor"},
      {"output_config.effort", "AnthropicMessages.Thinking_IsAsAskedFor"},
      {"top_k", "AnthropicMessages.EveryField_ReachesTheEngine"},
      {"stop_sequences", "AnthropicMessages.StopReason_SaysWhy"},
      {"stream", "AnthropicMessages.Stream_IsTheWholeAnswerInParts"}}}};

// "Suite.Test" and its source, of every test of the server.
std::map<std::string, std::string> sources_of_tests() {
  std::map<std::string, std::string> sources;
  const std::filesystem::path folder = std::filesystem::path(HEARTH_SOURCE_DIR) / "src/server";
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.path().filename().string().ends_with("_test.cc")) continue;
    const std::string text = hearth::testing::read_file(entry.path());
    static const std::regex kTest(R"(TEST(?:_F)?\((\w+), (\w+)\) \{\n)");
    for (auto test = std::sregex_iterator(text.begin(), text.end(), kTest); test != std::sregex_iterator();
         ++test) {
      const auto begin = static_cast<size_t>(test->position());
      sources[(*test)[1].str() + "." + (*test)[2].str()] =
          text.substr(begin, text.find("\n}\n", begin) - begin);
    }
  }
  return sources;
}

TEST(RequestFields, EveryRow_NamesATestThatSendsTheField) {
  const auto sources = sources_of_tests();
  for (const auto& [path, rows] : kRequestFields) {
    for (const FieldTest& row : rows) {
      const auto source = sources.find(row.test);
      ASSERT_NE(source, sources.end()) << path << " " << row.field << ": there is no test " << row.test;
      const std::string field = row.field;
      const std::string name = field.substr(field.rfind('.') + 1);
      EXPECT_NE(source->second.find("\"" + name), std::string::npos)
          << path << ": " << row.test << " does not say " << name;
    }
  }
}

TEST(RequestFields, EveryOneThatIsDescribed_HasARow) {
  HEARTH_NEEDS_TEST_DATA(file, "api/ollama.yaml");
  const OpenApi api = OpenApi::load(file);
  size_t n_described = 0;
  for (const std::string& operation : api.operations()) {
    const std::string path = operation.substr(0, operation.find(' '));
    const auto rows = kRequestFields.find(path);
    for (const std::string& field : api.request_fields(path, operation.substr(operation.find(' ') + 1))) {
      if (rows == kRequestFields.end()) {
        static const std::regex kStore("/api/(create|copy|pull|push|delete)");  // tested with the store
        EXPECT_TRUE(std::regex_match(path, kStore)) << path << " " << field << " has no row";
        continue;
      }
      ++n_described;
      EXPECT_TRUE(std::any_of(rows->second.begin(), rows->second.end(),
                              [&](const FieldTest& row) { return field == row.field; }))
          << path << " " << field << " has no row";
    }
  }
  EXPECT_GT(n_described, 50U);
}

}  // namespace
}  // namespace hearth::server::ollama
