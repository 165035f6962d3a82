// The routes about models and vectors, and what hostile bodies do to all of them.
#include <gtest/gtest.h>

#include "server/ollama/ollama_fixture.h"

namespace hearth::server::ollama {
namespace {

using http::Method;
using nlohmann::json;

class ModelRoutes : public OllamaTest {};

TEST_F(ModelRoutes, Server_SaysWhatItIs) {
  const auto hello = ask(Method::kGet, "/");
  EXPECT_EQ(hello.status, 200);
  EXPECT_EQ(hello.body(), "Ollama is running");
  EXPECT_TRUE(hello.content_type.starts_with("text/plain"));
  EXPECT_EQ(ask(Method::kHead, "/").status, 200);
  EXPECT_EQ(ask(Method::kGet, "/api/version").json(), json({{"version", "1.2.3"}}));
  EXPECT_EQ(ask(Method::kHead, "/api/version").status, 200);
  EXPECT_EQ(ask(Method::kGet, "/api/status").json()["cloud"]["disabled"], true);
}

TEST_F(ModelRoutes, Tags_ListsEveryModelTheNewestFirst) {
  tiny_.opened.set_has_template_thinking(true);
  tiny_.opened.set_has_template_tools(true);
  FakeModel& newer = service_.add("newer:latest");
  newer.entry.modified_at += std::chrono::hours(1);
  newer.opened.set_is_encoder(true);
  const json models = ask(Method::kGet, "/api/tags").json()["models"];
  ASSERT_EQ(models.size(), 2U);
  EXPECT_EQ(models[0]["name"], "newer:latest");
  EXPECT_EQ(models[0]["capabilities"], json({"embedding"}));
  EXPECT_EQ(models[1], json::parse(R"({"name":"tiny:latest","model":"tiny:latest",
      "modified_at":"2023-11-14T22:13:20.000000000Z","size":1234567,
      "digest":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
      "details":{"parent_model":"","format":"gguf","family":"llama","families":["llama"],"parameter_size":"1.1B",
                 "quantization_level":"Q4_K_M","context_length":8192,"embedding_length":2048},
      "capabilities":["completion","tools","thinking"]})"));
}

TEST_F(ModelRoutes, ParameterSizes_AreWrittenAsOllamaDoes) {
  const std::vector<std::pair<int64_t, const char*>> cases{{8'030'000'000, "8.0B"},  {7'000'000'000, "7B"},
                                                           {134'515'008, "134.52M"}, {135'000'000, "135M"},
                                                           {260'032, "260K"},        {12, "12"}};
  for (const auto& [n, text] : cases) {
    tiny_.opened.set_n_parameters(n);
    EXPECT_EQ(ask(Method::kGet, "/api/tags").json()["models"][0]["details"]["parameter_size"], text);
  }
}

TEST_F(ModelRoutes, Ps_ListsWhatIsLoadedTheLongestRemainingFirst) {
  EXPECT_EQ(ask(Method::kGet, "/api/ps").json(), json({{"models", json::array()}}));
  tiny_.loaded = true;
  tiny_.expires_at = WallTime(std::chrono::seconds(1'800'000'000));
  service_.add("forever:latest").loaded = true;
  const json models = ask(Method::kGet, "/api/ps").json()["models"];
  ASSERT_EQ(models.size(), 2U);
  EXPECT_EQ(models[0]["name"], "forever:latest");
  EXPECT_GT(models[0]["expires_at"].get<std::string>(), "2262");
  EXPECT_EQ(models[1]["expires_at"], "2027-01-15T08:00:00.000000000Z");
  EXPECT_EQ(models[1]["model"], "tiny:latest");
  EXPECT_EQ(models[1]["size"], 1'230'000);
  EXPECT_EQ(models[1]["size_vram"], 0);
  EXPECT_EQ(models[1]["context_length"], 4096);
  EXPECT_EQ(models[1]["details"]["family"], "llama");
  EXPECT_EQ(models[1]["digest"].get<std::string>().size(), 64U);
}

TEST_F(ModelRoutes, Ps_TellsHowFarALoadIs) {
  tiny_.loading = LoadingModel{.entry = {},
                               .stage = "reading weights",
                               .completed_bytes = 25,
                               .total_bytes = 100,
                               .description = std::nullopt,
                               .context_tokens = 2048,
                               .keep_alive = Seconds(-1)};
  service_.add("ready:latest").loaded = true;
  json models = ask(Method::kGet, "/api/ps").json()["models"];
  ASSERT_EQ(models.size(), 2U);
  EXPECT_EQ(models[0]["name"], "ready:latest");
  EXPECT_FALSE(models[0].contains("loading"));
  EXPECT_EQ(models[1]["name"], "tiny:latest");
  EXPECT_EQ(models[1]["loading"], json({{"stage", "reading weights"}, {"completed", 25}, {"total", 100}}));
  EXPECT_EQ(models[1]["size"], 1'234'567) << "the file's, before it was opened";
  EXPECT_EQ(models[1]["context_length"], 2048);
  EXPECT_GT(models[1]["expires_at"].get<std::string>(), "2262");
  // Whatever clients take a loaded model by, one that is loading has.
  for (const auto& [name, value] : models[0].items()) EXPECT_EQ(models[1][name].type(), value.type()) << name;

  tiny_.loading->description = tiny_.opened;
  tiny_.loading->keep_alive = Seconds(60);
  models = ask(Method::kGet, "/api/ps").json()["models"];
  EXPECT_EQ(models[1]["size"], 1'230'000);
  EXPECT_EQ(models[1]["context_length"], 4096);
  EXPECT_EQ(models[1]["details"]["family"], "llama");
  EXPECT_LT(models[1]["expires_at"].get<std::string>(), "2262");
}

TEST_F(ModelRoutes, Show_TellsAllButThePath) {
  tiny_.opened.set_license("Apache-2.0");
  tiny_.inspection.set_metadata_json(
      R"({"general.architecture":"llama","tokenizer.ggml.tokens":null,"tokenizer.chat_template":"x"})");
  auto& tensor = *tiny_.inspection.add_tensors();
  tensor.set_name("output.weight");
  tensor.set_type("Q6_K");
  tensor.add_shape(2048);
  tensor.add_shape(32000);
  const auto answer = post("/api/show", R"({"model":"TINY","system":"be brief","options":{"top_k":1}})");
  const json shown = answer.json();
  EXPECT_EQ(shown["license"], "Apache-2.0");
  EXPECT_EQ(shown["template"], "{{ messages }}");
  EXPECT_EQ(shown["system"], "be brief");
  EXPECT_EQ(shown["modified_at"], "2023-11-14T22:13:20.000000000Z");
  EXPECT_EQ(shown["capabilities"], json({"completion"}));
  EXPECT_EQ(shown["details"]["quantization_level"], "Q4_K_M");
  EXPECT_EQ(shown["model_info"], json::parse(R"({"general.architecture":"llama","tokenizer.ggml.tokens":null,
      "general.parameter_count":1100000000})"));
  EXPECT_EQ(shown["tensors"],
            json::parse(R"([{"name":"output.weight","type":"Q6_K","shape":[2048,32000]}])"));
  EXPECT_NE(shown["modelfile"].get<std::string>().find("FROM tiny:latest\n"), std::string::npos);
  EXPECT_EQ(answer.body().find("/models/"), std::string::npos);
  EXPECT_EQ(post("/api/show", R"({"name":"tiny","verbose":true})").status, 200);
}

TEST_F(ModelRoutes, ShowOfWhatIsNotThere_Is404) {
  EXPECT_EQ(error(post("/api/show", R"({"model":"nope"})"), 404), "model 'nope' not found");
  EXPECT_EQ(error(post("/api/show", R"({"model":""})"), 400), "model: expected the name of a model");
  tiny_.inspection.set_metadata_json("[broken");
  EXPECT_NE(error(post("/api/show", R"({"model":"tiny"})"), 500), "");
  tiny_.inspection.clear_metadata_json();
  EXPECT_EQ(post("/api/show", R"({"model":"tiny"})").json()["model_info"].size(), 1U);  // never null
}

TEST_F(ModelRoutes, ModelOfTheRequest_IsNotedByItsOwnName) {
  for (const char* path : {"/api/generate", "/api/chat", "/api/embed", "/api/embeddings", "/api/show"}) {
    EXPECT_EQ(post(path, R"({"model":"TINY"})").model, "tiny:latest") << path;
    EXPECT_EQ(post(path, R"({"model":"secret"})").model, "") << path;
    EXPECT_EQ(post(path, R"({"model":7})").model, "") << path;
  }
  tiny_.acquire_error = Error(ErrorCode::kResourceExhausted, "no memory");
  EXPECT_EQ(post("/api/generate", R"({"model":"tiny","prompt":"a"})").model, "tiny:latest");
}

TEST_F(ModelRoutes, WithoutAStore_ItsRoutesAre501) {
  const std::vector<std::pair<Method, const char*>> routes{
      {Method::kPost, "/api/create"},         {Method::kPost, "/api/pull"},
      {Method::kPost, "/api/push"},           {Method::kPost, "/api/copy"},
      {Method::kDelete, "/api/delete"},       {Method::kPost, "/api/blobs/sha256:00"},
      {Method::kHead, "/api/blobs/sha256:00"}};
  for (const auto& [method, path] : routes) EXPECT_NE(error(ask(method, path, "{}"), 501), "") << path;
  EXPECT_EQ(router_.match(Method::kPost, "/api/me").route, nullptr);
}

TEST_F(ModelRoutes, Routes_AskForTheRightScope) {
  for (const http::Route& route : router_.routes()) {
    EXPECT_EQ(route.dialect, http::Dialect::kOllama);
    const auto shown = ask(route.method, route.pattern == "/" ? "/" : route.pattern, "");
    const bool changes_models = shown.status == 501;
    EXPECT_EQ(route.scope == http::Scope::kManage, changes_models) << route.pattern;
    EXPECT_EQ(route.scope == http::Scope::kPublic, route.pattern == "/") << route.pattern;
  }
}

// --- Vectors
// ------------------------------------------------------------------------------------------------

class Embedding : public OllamaTest {
 protected:
  Embedding() {
    tiny_.opened.set_is_encoder(true);
    tiny_.answer = [](const protocol::Call& call) {
      protocol::Reply reply;
      for (int i = 0; i < call.embed().texts_size(); ++i) {
        auto& vector = *reply.mutable_vectors()->add_vectors();
        for (const float number : {0.010071029F, -0.5F, 1e-7F}) vector.add_numbers(number);
      }
      reply.mutable_vectors()->set_n_prompt_tokens(4);
      return std::vector{reply};
    };
  }
  protocol::Embed sent() { return service_.log().calls.back().embed(); }
};

TEST_F(Embedding, Embed_GivesAVectorForEachText) {
  const auto answer =
      post("/api/embed", R"({"model":"tiny","input":["a",""],"dimensions":3,"keep_alive":60})");
  EXPECT_EQ(answer.content_type, "application/json");
  const json whole = answer.json();
  EXPECT_EQ(whole["model"], "tiny");
  EXPECT_EQ(whole["embeddings"].size(), 2U);
  EXPECT_NE(answer.body().find("[0.010071029,-0.5,1e-07]"), std::string::npos) << answer.body();
  EXPECT_EQ(whole["prompt_eval_count"], 4);
  EXPECT_EQ(whole["load_duration"], 250'000'000);
  EXPECT_GT(whole["total_duration"].get<int64_t>(), 0);
  EXPECT_TRUE(sent().truncate());
  EXPECT_EQ(sent().dimensions(), 3);
  EXPECT_FALSE(sent().not_normalised());
  EXPECT_EQ(service_.log().acquired.back().second.keep_alive, Seconds(60));
}

TEST_F(Embedding, EmbedOneText_IsAListOfOne) {
  EXPECT_EQ(
      post("/api/embed", R"({"model":"tiny","input":"a","truncate":false})").json()["embeddings"].size(), 1U);
  EXPECT_FALSE(sent().truncate());
}

TEST_F(Embedding, EmbedOptions_AreThoseOfGenerate) {
  const std::string options =
      R"("keep_alive":"10m","options":{"num_ctx":512,"seed":1,"temperature":0.5,"top_k":1,
      "top_p":0.5,"min_p":0.5,"stop":["x"],"num_predict":1,"tfs_z":1}})";
  for (const char* path : {"/api/embed", "/api/embeddings"}) {
    const auto answer = post(path, R"({"model":"tiny","input":"a","prompt":"a",)" + options);
    EXPECT_EQ(answer.status, 200) << answer.body();
    EXPECT_EQ(answer.headers, (http::Headers{{"Hearth-Warning", "ignored unknown options: tfs_z"}}));
    EXPECT_EQ(service_.log().acquired.back().second.context_tokens, 512);
    EXPECT_EQ(service_.log().acquired.back().second.keep_alive, Seconds(600));
    EXPECT_NE(error(post(path, R"({"model":"tiny","options":{"top_k":"x"}})"), 400), "");
  }
}

TEST_F(Embedding, NoInput_LoadsTheModel) {
  for (const char* input : {"", R"(,"input":"")", R"(,"input":[])", R"(,"input":null)"}) {
    const auto answer = post("/api/embed", fmt::format(R"({{"model":"tiny"{}}})", input));
    EXPECT_EQ(answer.json()["embeddings"], json::array()) << input;
  }
  EXPECT_TRUE(tiny_.loaded);
  EXPECT_TRUE(service_.log().calls.empty());
  EXPECT_EQ(post("/api/embeddings", R"({"model":"tiny"})").json(), json({{"embedding", json::array()}}));
}

TEST_F(Embedding, Embeddings_GivesOneVectorAsItIs) {
  EXPECT_EQ(post("/api/embeddings", R"({"model":"tiny","prompt":"a"})").body(),
            R"({"embedding":[0.010071029,-0.5,1e-07]})");
  EXPECT_TRUE(sent().not_normalised());
}

TEST_F(Embedding, WhatCannotBe_IsRefused) {
  EXPECT_EQ(error(post("/api/embed", R"({"model":"tiny","input":"a","dimensions":4096})"), 400),
            "dimensions: expected at most the model's 2048, found 4096");
  EXPECT_EQ(error(post("/api/embed", R"({"model":"tiny","input":[1]})"), 400),
            "input[0]: expected a string, found 1");
  EXPECT_EQ(error(post("/api/embed", R"({"model":"nope","input":"a"})"), 404), "model 'nope' not found");
}

TEST_F(Embedding, ModelThatWritesTexts_MakesVectorsToo) {
  tiny_.opened.set_is_encoder(false);
  EXPECT_EQ(post("/api/embed", R"({"model":"tiny","input":["a","b"]})").json()["embeddings"].size(), 2U);
  EXPECT_EQ(post("/api/embeddings", R"({"model":"tiny","prompt":"a"})").json()["embedding"].size(), 3U);
  EXPECT_EQ(ask(Method::kGet, "/api/tags").json()["models"][0]["capabilities"], json({"completion"}));
  tiny_.opened.set_has_pooling(true);
  EXPECT_EQ(ask(Method::kGet, "/api/tags").json()["models"][0]["capabilities"], json({"embedding"}));
}

TEST_F(Embedding, EngineThatFails_IsToldAsSuch) {
  tiny_.answer = nullptr;
  tiny_.replies = {failure_reply(protocol::Failure::RESOURCE_EXHAUSTED, "600 tokens, at most 512")};
  EXPECT_EQ(error(post("/api/embed", R"({"model":"tiny","input":"a"})"), 400), "600 tokens, at most 512");
  protocol::Reply none;
  none.mutable_vectors();
  tiny_.replies = {none};
  EXPECT_NE(error(post("/api/embed", R"({"model":"tiny","input":"a"})"), 500), "");
  none.mutable_vectors()->add_vectors()->add_numbers(std::numeric_limits<float>::quiet_NaN());
  tiny_.replies = {none};
  EXPECT_NE(error(post("/api/embed", R"({"model":"tiny","input":"a"})"), 500), "");
}

// --- Hostile bodies
// -----------------------------------------------------------------------------------------

struct FieldCase {
  const char* path;
  const char* around;  // the body, with {} for the field's value
  const char* takes;   // the types that are fine: s string, b bool, i integer, n number, l list, o object
};

// Every field of every request.
constexpr FieldCase kFields[] = {
    {"/api/generate", R"({"model":{},"prompt":"x"})", "s"},
    {"/api/generate", R"({"model":"tiny","prompt":{}})", "s"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","suffix":{}})", "s"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","system":{}})", "s"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","template":{}})", "s"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","context":{}})", "l"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","context":[{}]})", "i"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","stream":{}})", "b"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","raw":{}})", "b"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","keep_alive":{}})", "n"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","images":{}})", "l"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","images":[{}]})", ""},
    {"/api/generate", R"({"model":"tiny","prompt":"x","think":{}})", "b"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","truncate":{}})", "b"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","shift":{}})", "b"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","logprobs":{}})", "b"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","top_logprobs":{}})", "i"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","format":{}})", "o"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","grammar":{}})", "s"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","regex":{}})", "s"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","_debug_render_only":{}})", "b"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","options":{}})", "o"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","options":{"num_predict":{}}})", "i"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","options":{"num_ctx":{}}})", "i"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","options":{"num_keep":{}}})", "i"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","options":{"num_gpu":{}}})", "i"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","options":{"use_mmap":{}}})", "b"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","options":{"seed":{}}})", "i"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","options":{"stop":{}}})", "sl"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","options":{"stop":[{}]}})", "s"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","options":{"top_k":{}}})", "i"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","options":{"temperature":{}}})", "n"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","options":{"repeat_last_n":{}}})", "i"},
    {"/api/generate", R"({"model":"tiny","prompt":"x","options":{"mirostat_tau":{}}})", "n"},
    {"/api/chat", R"({"model":"tiny","messages":{}})", "l"},
    {"/api/chat", R"({"model":"tiny","messages":[{}]})", ""},
    {"/api/chat", R"({"model":"tiny","messages":[{"role":{},"content":"x"}]})", ""},
    {"/api/chat", R"({"model":"tiny","messages":[{"role":"user","content":{}}]})", "s"},
    {"/api/chat", R"({"model":"tiny","messages":[{"role":"user","thinking":{}}]})", "s"},
    {"/api/chat", R"({"model":"tiny","messages":[{"role":"user","tool_name":{}}]})", "s"},
    {"/api/chat", R"({"model":"tiny","messages":[{"role":"user","tool_call_id":{}}]})", "s"},
    {"/api/chat", R"({"model":"tiny","messages":[{"role":"user","images":{}}]})", "l"},
    {"/api/chat", R"({"model":"tiny","messages":[{"role":"user","tool_calls":{}}]})", "l"},
    {"/api/chat", R"({"model":"tiny","messages":[{"role":"user","tool_calls":[{}]}]})", ""},
    {"/api/chat", R"({"model":"tiny","messages":[{"role":"user","tool_calls":[{"function":{}}]}]})", ""},
    {"/api/chat",
     R"({"model":"tiny","messages":[{"role":"user","tool_calls":[{"function":{"name":"f","arguments":{}}}]}]})",
     "o"},
    {"/api/chat", R"({"model":"tiny","messages":[],"tools":{}})", "l"},
    {"/api/chat", R"({"model":"tiny","messages":[],"tools":[{}]})", ""},
    {"/api/chat", R"({"model":"tiny","messages":[],"tools":[{"type":{},"function":{"name":"f"}}]})", ""},
    {"/api/chat", R"({"model":"tiny","messages":[],"tools":[{"function":{}}]})", ""},
    {"/api/chat", R"({"model":"tiny","messages":[],"tools":[{"function":{"name":{}}}]})", "s"},
    {"/api/chat", R"({"model":"tiny","messages":[],"tools":[{"function":{"name":"f","parameters":{}}}]})",
     "o"},
    {"/api/embed", R"({"model":"tiny","input":{}})", "sl"},
    {"/api/embed", R"({"model":"tiny","input":"x","truncate":{}})", "b"},
    {"/api/embed", R"({"model":"tiny","input":"x","dimensions":{}})", "i"},
    {"/api/embeddings", R"({"model":"tiny","prompt":{}})", "s"},
    {"/api/show", R"({"model":{}})", "s"},
    {"/api/show", R"({"model":"tiny","verbose":{}})", "b"},
    {"/api/show", R"({"model":"tiny","system":{}})", "s"},
};

struct HostileValue {
  const char* type;
  const char* json;
};
constexpr HostileValue kValues[] = {{"s", R"("x")"},
                                    {"b", "true"},
                                    {"i", "1"},
                                    {"i", "-1"},
                                    {"n", "1.5"},
                                    {"n", "1e308"},
                                    {"n", "-1e308"},
                                    {"i", "9223372036854775808"},
                                    {"i", "-9223372036854775809"},
                                    {"i", "18446744073709551616"},
                                    {"l", "[]"},
                                    {"o", "{}"},
                                    {"l", "[[[[]]]]"}};

TEST_F(ModelRoutes, FieldOfAWrongType_IsA400ThatNamesIt) {
  const std::vector<protocol::Reply> answer_of_texts = tiny_.replies;
  tiny_.answer = [&](const protocol::Call& call) {
    if (!call.has_embed()) return answer_of_texts;
    protocol::Reply reply;
    for (int i = 0; i < call.embed().texts_size(); ++i)
      reply.mutable_vectors()->add_vectors()->add_numbers(1);
    return std::vector{reply};
  };
  for (const FieldCase& field : kFields) {
    std::string around = field.around;
    for (const HostileValue& value : kValues) {
      std::string body = around;
      body.replace(around.find("{}"), 2, value.json);
      const auto answer = post(field.path, body);
      const bool is_number_type = std::string_view("in").find(value.type) != std::string_view::npos;
      const std::string_view takes = field.takes;
      const bool may_be_taken = takes.find(value.type) != std::string_view::npos ||
                                (is_number_type && takes.find('n') != std::string_view::npos) ||
                                (is_number_type && takes.find('i') != std::string_view::npos);
      if (may_be_taken) {
        EXPECT_TRUE(answer.status == 200 || answer.status == 400 || answer.status == 404) << body;
      } else {
        EXPECT_NE(error(answer, 400), "") << body;
      }
    }
  }
}

TEST_F(ModelRoutes, HostileJson_IsA400) {
  std::string deep(1'000'000, '[');
  std::string deep_objects;
  for (int i = 0; i < 200'000; ++i) deep_objects += R"({"model":)";
  for (const char* path : {"/api/generate", "/api/chat", "/api/embed", "/api/embeddings", "/api/show"}) {
    EXPECT_EQ(error(post(path, deep), 400), "the request body is nested more than 128 deep");
    EXPECT_EQ(error(post(path, deep_objects), 400), "the request body is nested more than 128 deep");
    for (const char* body :
         {"", "null", "[]", "{", "\"", "{\"model\":\"\xFF\"}", "{\"model\":1e999}", "\x1F\x8B", "NaN"})
      EXPECT_NE(error(post(path, body), 400), "") << path << body;
  }
}

}  // namespace
}  // namespace hearth::server::ollama
