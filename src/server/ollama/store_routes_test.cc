// Models of a store behind the API: what they say of themselves, and what changes them.
#include <gtest/gtest.h>

#include "server/models/model_store.h"
#include "server/ollama/ollama_fixture.h"
#include "server/ollama/stored_layers.h"
#include "store/store_fixture.h"

namespace hearth::server::ollama {
namespace {

using http::Method;
using nlohmann::json;

class StoreRoutes : public OllamaTest {
 protected:
  StoreRoutes() {
    router_ = http::Router();
    add_ollama_routes(router_, {service_, "1.2.3", &model_store_});
  }

  // Puts a model with these layers into the store, and the catalog.
  FakeModel& put_model(const std::string& name,
                       const std::vector<std::pair<std::string_view, std::string>>& layers) {
    store::Manifest manifest = *store::Manifest::parse(store_.put_manifest_blobs("weights"));
    for (const auto& [type, text] : layers) manifest.layers.push_back(store_.put_blob(type, text));
    const auto parsed = *store::ModelName::parse(name);
    EXPECT_TRUE(store_->write_manifest(parsed, manifest.serialise()));
    FakeModel& model = service_.add(parsed.text());
    const store::ManifestFile file{parsed, store_.root() / "manifests" / parsed.manifest_path()};
    model.entry.stored = std::make_shared<const StoredModel>(*StoredModel::read(*store_, file));
    model.replies = tiny_.replies;
    return model;
  }
  bool has(const std::string& name) { return store_->find(*store::ModelName::parse(name)).has_value(); }
  json last_messages() { return json::parse(generated().conversation_json())["messages"]; }

  store::TestStore store_;
  ModelStore model_store_{context_.get_executor(), *store_};
};

const std::vector<std::pair<std::string_view, std::string>> kLayers{
    {store::media_type::kTemplate, "{{ .Prompt }}"},
    {store::media_type::kSystem, "Be brief."},
    {store::media_type::kLicense, "First license"},
    {store::media_type::kLicense, "Second license"},
    {store::media_type::kParams,
     R"({"temperature":0.25,"top_k":7,"stop":["<a>","<b>"],"num_ctx":2048,"num_predict":9})"},
    {store::media_type::kMessages,
     R"([{"role":"user","content":"1+1?"},{"role":"assistant","content":"2"}])"}};

TEST_F(StoreRoutes, Show_TellsWhatTheLayersSay) {
  put_model("mine", kLayers);
  const json shown = post("/api/show", R"({"model":"mine"})").json();
  EXPECT_EQ(shown["system"], "Be brief.");
  EXPECT_EQ(shown["license"], "First license\nSecond license");
  EXPECT_EQ(shown["parameters"],
            "temperature 0.25\ntop_k 7\nstop \"<a>\"\nstop \"<b>\"\nnum_ctx 2048\nnum_predict 9");
  EXPECT_EQ(shown["messages"].size(), 2U);
  EXPECT_EQ(shown["template"], "{{ messages }}") << "the one that is used, and not Go's";
  const auto modelfile = shown["modelfile"].get<std::string>();
  for (const char* line : {"FROM mine:latest", "SYSTEM \"\"\"Be brief.\"\"\"", "PARAMETER top_k 7",
                           "LICENSE \"\"\"Second license\"\"\"", "MESSAGE assistant \"\"\"2\"\"\""})
    EXPECT_NE(modelfile.find(line), std::string::npos) << line;
}

TEST_F(StoreRoutes, Tags_TellsTheConfigWithoutAnEngine) {
  put_model("mine", {});
  const json models = ask(Method::kGet, "/api/tags").json()["models"];
  ASSERT_EQ(models.size(), 2U);
  const json& mine = models[0]["name"] == "mine:latest" ? models[0] : models[1];
  EXPECT_EQ(mine["details"]["parameter_size"], "1B") << "of the config; the engine would say 1.1B";
  EXPECT_EQ(mine["details"]["quantization_level"], "Q4_0");
}

TEST_F(StoreRoutes, Request_HasTheModelsDefaults) {
  put_model("mine", kLayers);
  post("/api/chat", R"({"model":"mine","stream":false,"messages":[{"role":"user","content":"hi"}]})");
  EXPECT_FLOAT_EQ(generated().sampling().temperature(), 0.25F);
  EXPECT_EQ(generated().sampling().top_k(), 7);
  EXPECT_EQ(generated().max_tokens(), 9);
  ASSERT_EQ(generated().stop_size(), 2);
  EXPECT_EQ(generated().stop(0), "<a>");
  EXPECT_EQ(service_.log().acquired.back().second.context_tokens, 2048);
  EXPECT_EQ(last_messages(),
            json::parse(R"([{"role":"system","content":"Be brief."},{"role":"user","content":"1+1?"},
      {"role":"assistant","content":"2"},{"role":"user","content":"hi"}])"));
  post("/api/generate", R"({"model":"mine","stream":false,"prompt":"hi"})");
  EXPECT_EQ(last_messages().size(), 4U);
}

TEST_F(StoreRoutes, Request_StandsOverTheModelsDefaults) {
  put_model("mine", kLayers);
  post("/api/chat",
       R"({"model":"mine","stream":false,"options":{"top_k":3,"stop":"x","num_predict":1,"num_ctx":512},
      "messages":[{"role":"system","content":"Talk."},{"role":"user","content":"hi"}]})");
  EXPECT_FLOAT_EQ(generated().sampling().temperature(), 0.25F);
  EXPECT_EQ(generated().sampling().top_k(), 3);
  EXPECT_EQ(generated().max_tokens(), 1);
  ASSERT_EQ(generated().stop_size(), 1);
  EXPECT_EQ(generated().stop(0), "x");
  EXPECT_EQ(service_.log().acquired.back().second.context_tokens, 512);
  const json messages = last_messages();
  ASSERT_EQ(messages.size(), 4U);
  EXPECT_EQ(
      std::count_if(messages.begin(), messages.end(), [](const json& m) { return m["role"] == "system"; }),
      1);
  post("/api/generate", R"({"model":"mine","stream":false,"prompt":"hi","system":"Talk."})");
  EXPECT_EQ(last_messages()[0]["content"], "Talk.");
  post("/api/generate", R"({"model":"mine","stream":false,"prompt":"hi","raw":true})");
  EXPECT_EQ(generated().text().text(), "hi");
  EXPECT_EQ(post("/api/chat", R"({"model":"mine"})").json()["done_reason"], "load") << "no message came";
}

TEST_F(StoreRoutes, DamagedLayer_IsSaidAndNotUsed) {
  put_model("mine", {{store::media_type::kSystem, "Be brief."}});
  store_.put_file("blobs/" + store::Digest::of("Be brief.").file_name(), "Be cruel.");
  const auto answer = post("/api/chat", R"({"model":"mine","messages":[{"role":"user","content":"hi"}]})");
  EXPECT_NE(error(answer, 500).find("is damaged"), std::string::npos);
  put_model("odd", {{store::media_type::kParams, R"({"top_k":"many"})"}});
  EXPECT_NE(error(post("/api/generate", R"({"model":"odd","prompt":"hi"})"), 500).find("top_k"),
            std::string::npos);
}

TEST_F(StoreRoutes, Copy_GivesAnotherName) {
  put_model("mine", {});
  const auto done = post("/api/copy", R"({"source":"MINE","destination":"you/rs:q4"})");
  EXPECT_EQ(done.status, 200);
  EXPECT_EQ(done.body(), "");
  EXPECT_TRUE(has("you/rs:q4"));
  EXPECT_EQ(error(post("/api/copy", R"({"source":"none","destination":"x"})"), 404),
            "model 'none' not found");
  EXPECT_NE(error(post("/api/copy", R"({"source":"mine","destination":"../../x"})"), 400).find("model name"),
            std::string::npos);
  EXPECT_NE(error(post("/api/copy", R"({"source":"mine"})"), 400).find("destination"), std::string::npos);
  EXPECT_NE(error(post("/api/copy", R"({"source":"tiny","destination":"x"})"), 400).find("is a file"),
            std::string::npos);
}

TEST_F(StoreRoutes, Create_PutsOtherWordsAroundTheSameWeights) {
  put_model("mine", kLayers);
  const auto answer =
      post("/api/create", R"({"model":"yours:1","from":"MINE","system":"Be long.","license":"Third",
      "parameters":{"top_k":3,"min_p":0.1},"messages":[{"role":"user","content":"hi"}]})");
  EXPECT_EQ(answer.content_type, "application/x-ndjson");
  const auto lines = answer.lines();
  ASSERT_GE(lines.size(), 3U);
  EXPECT_EQ(lines.back(), json({{"status", "success"}}));
  EXPECT_EQ(lines[lines.size() - 2], json({{"status", "writing manifest"}}));
  const store::ManifestFile file{*store::ModelName::parse("yours:1"),
                                 store_.root() / "manifests/registry.ollama.ai/library/yours/1"};
  const auto created = StoredModel::read(*store_, file);
  ASSERT_TRUE(created) << created.error().message();
  EXPECT_EQ(created->files().files.front().digest, store::Digest::of("weights"));
  EXPECT_EQ(created->config.family, "llama");
  EXPECT_EQ(created->config.layer_digests.size(), created->manifest.manifest.layers.size());
  const auto layers = read_stored_layers(*created);
  ASSERT_TRUE(layers);
  EXPECT_EQ(layers->system, "Be long.");
  EXPECT_EQ(layers->licenses.size(), 3U);
  EXPECT_EQ(layers->messages.size(), 1U);
  EXPECT_EQ(layers->parameters["top_k"], 3);
  EXPECT_EQ(layers->parameters["temperature"], 0.25) << "as the model says that it comes from";
  EXPECT_TRUE(store_->verify()->faults.empty());

  const auto whole =
      post("/api/create", R"({"model":"bare","from":"mine","system":"","messages":[],"stream":false})");
  EXPECT_EQ(whole.json(), json({{"status", "success"}}));
  EXPECT_EQ(store_->manifest(*store::ModelName::parse("bare"))->manifest.first(store::media_type::kSystem),
            nullptr);
}

TEST_F(StoreRoutes, CreateOfWhatIsNotThere_IsRefusedByName) {
  put_model("mine", {});
  const std::vector<std::pair<const char*, const char*>> cases{
      {R"("files":{"a.gguf":"sha256:00"})", "files.a.gguf"},
      {R"("draft_files":{"a":"b"})", "draft_files"},
      {R"("requires":"0.999.0")", "requires"},
      {R"("requires":"soon")", "requires"},
      {R"("draft_quantize":"q4_K_M")", "draft_quantize"},
      {R"("adapters":{"a":"b"})", "adapters"},
      {R"("parameters":{"top_k":"x"})", "top_k"},
      {R"("parameters":{"nonsense":1})", "nonsense"},
      {R"("messages":[{"role":"x","content":"y"}])", "role"}};
  for (const auto& [member, message] : cases) {
    const auto answer = post("/api/create", R"({"model":"new","from":"mine",)" + std::string(member) + "}");
    EXPECT_NE(error(answer, 400).find(message), std::string::npos) << member;
  }
  EXPECT_EQ(error(post("/api/create", R"({"model":"new","from":"none"})"), 404), "model 'none' not found");
  EXPECT_NE(error(post("/api/create", R"({"model":"new"})"), 400).find("from"), std::string::npos);
  EXPECT_NE(error(post("/api/create", R"({"model":"../new","from":"mine"})"), 400).find("model name"),
            std::string::npos);
  EXPECT_FALSE(has("new"));
}

TEST_F(StoreRoutes, Delete_RemovesAndUnloads) {
  put_model("mine", {}).loaded = true;
  EXPECT_EQ(ask(Method::kDelete, "/api/delete", R"({"model":"mine"})").status, 200);
  EXPECT_FALSE(has("mine"));
  EXPECT_EQ(service_.log().unloaded, std::vector<std::string>{"mine"});
  EXPECT_EQ(store_.count_files("blobs"), 0U);
  EXPECT_NE(error(ask(Method::kDelete, "/api/delete", R"({"name":"none"})"), 404), "");
  EXPECT_NE(error(ask(Method::kDelete, "/api/delete", R"({"model":"tiny"})"), 400).find("is a file"),
            std::string::npos);
  EXPECT_NE(error(ask(Method::kDelete, "/api/delete", R"({"model":"a/../b"})"), 400), "");
  // A manifest that cannot be read is in no catalog, and can be deleted.
  store_.put_file("manifests/registry.ollama.ai/library/bad/latest", "{");
  EXPECT_EQ(ask(Method::kDelete, "/api/delete", R"({"model":"bad"})").status, 200);
}

}  // namespace
}  // namespace hearth::server::ollama
