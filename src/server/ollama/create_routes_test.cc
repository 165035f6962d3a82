// /api/create from files that were uploaded before, and templates.
#include <gtest/gtest.h>

#include <algorithm>

#include "server/models/model_files.h"
#include "server/models/model_store.h"
#include "server/ollama/modelfile_text.h"
#include "server/ollama/ollama_fixture.h"
#include "server/ollama/run_options.h"
#include "server/ollama/stored_layers.h"
#include "store/modelfile.h"
#include "store/store_fixture.h"

namespace hearth::server::ollama {
namespace {

using nlohmann::json;

class CreateRoutes : public OllamaTest {
 protected:
  CreateRoutes() {
    router_ = http::Router();
    add_ollama_routes(router_, {service_, "1.2.3", &model_store_});
    protocol::Opened opened;
    opened.set_format("gguf");
    opened.set_architecture("llama");
    opened.set_n_parameters(1'100'000'000);
    opened.set_quantisation("Q4_0");
    service_.entry_description = opened;
  }
  std::string blob(const std::string& bytes) { return store_.put_blob("", bytes).digest.text(); }
  Result<StoredModel> stored(const std::string& name) {
    const auto parsed = *store::ModelName::parse(name);
    return StoredModel::read(*store_, {parsed, store_.root() / "manifests" / parsed.manifest_path()});
  }
  // Lets requests start from a model that was created.
  void put_into_catalog(const std::string& name) {
    auto model = stored(name);
    ASSERT_TRUE(model) << model.error().message();
    service_.add(store::ModelName::parse(name)->text()).entry.stored =
        std::make_shared<const StoredModel>(std::move(*model));
  }
  // What an engine would be given.
  std::vector<std::string> files_of(const StoredModel& model) {
    std::vector<std::string> files;
    for (const auto& file : model.files().files) files.push_back(file.name);
    return files;
  }
  std::optional<store::Digest> adapter_of(const std::string& name) {
    const auto files = stored(name)->files();
    return files.adapter ? std::optional(files.adapter->digest) : std::nullopt;
  }
  json files(std::initializer_list<std::pair<const char*, const char*>> named) {
    json object = json::object();
    for (const auto& [name, bytes] : named) object[name] = blob(bytes);
    return object;
  }
  wire::RecordingResponder create(json body) { return post("/api/create", body.dump()); }

  store::TestStore store_;
  ModelStore model_store_{context_.get_executor(), *store_};
};

TEST_F(CreateRoutes, GgufFile_BecomesAModel) {
  const auto answer = create({{"model", "new"},
                              {"files", files({{"tiny.gguf", "weights"}})},
                              {"system", "Be brief."},
                              {"parameters", {{"temperature", 0.5}, {"stop", {"x"}}}},
                              {"requires", "0.14.0"}});
  const auto lines = answer.lines();
  ASSERT_GE(lines.size(), 5U) << answer.body();
  EXPECT_EQ(lines[0]["status"], "parsing GGUF");
  EXPECT_EQ(lines[1]["status"], "using existing layer " + store::Digest::of("weights").text());
  EXPECT_EQ(lines.back()["status"], "success");
  const auto model = stored("new");
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ(model->unusable, "");
  EXPECT_EQ(model->config.family, "llama");
  EXPECT_EQ(model->config.parameters, "1.1B");
  EXPECT_EQ(model->config.quantisation, "Q4_0");
  EXPECT_EQ(model->config.requires_version, "0.14.0");
  EXPECT_EQ(files_of(*model), std::vector<std::string>{"model.gguf"});
  EXPECT_EQ(read_stored_layers(*model).value().system, "Be brief.");
  ASSERT_EQ(service_.described_entries.size(), 1U);
}

TEST_F(CreateRoutes, PartsOfASplit_AreOneModelInTheirOrder) {
  create({{"model", "new"},
          {"files", files({{"m-00002-of-00002.gguf", "second"}, {"m-00001-of-00002.gguf", "first"}})}});
  const auto model = stored("new");
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ(model->unusable, "");
  EXPECT_EQ(files_of(*model),
            (std::vector<std::string>{"model-00001-of-00002.gguf", "model-00002-of-00002.gguf"}));
  EXPECT_EQ(model->files().files[1].digest, store::Digest::of("second"));
  CatalogEntry entry;
  entry.stored = std::make_shared<const StoredModel>(*model);
  const auto opened = open_model_files(entry);
  ASSERT_TRUE(opened) << opened.error().message();
  EXPECT_EQ(opened->name, "model-00001-of-00002.gguf");
}

TEST_F(CreateRoutes, Adapter_IsTheNewModelsOnlyOne) {
  create({{"model", "new"},
          {"files", files({{"tiny.gguf", "weights"}})},
          {"adapters", files({{"notes.gguf", "adapter"}})}});
  auto model = stored("new");
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ(model->unusable, "");
  EXPECT_EQ(files_of(*model), (std::vector<std::string>{"model.gguf"}));
  EXPECT_EQ(adapter_of("new"), store::Digest::of("adapter"));

  // Of a model that has one, it takes the place; without, that one stays.
  put_into_catalog("new");
  const auto answer =
      create({{"model", "newer"}, {"from", "new"}, {"adapters", files({{"other.gguf", "other"}})}});
  EXPECT_EQ(answer.lines().back()["status"], "success") << answer.body();
  model = stored("newer");
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ(model->unusable, "");
  EXPECT_EQ(adapter_of("newer"), store::Digest::of("other"));
  create({{"model", "copy"}, {"from", "new"}, {"system", "Be brief."}});
  EXPECT_EQ(adapter_of("copy"), store::Digest::of("adapter"));
  // An engine has looked at both together.
  ASSERT_EQ(service_.described_entries.size(), 2U);
  EXPECT_TRUE(service_.described_entries[1].stored->files().adapter);
}

TEST_F(CreateRoutes, AdaptersThatAreNone_AreRefused) {
  create({{"model", "base"}, {"files", files({{"tiny.gguf", "weights"}})}});
  put_into_catalog("base");
  const auto refused = [&](json named) {
    return error(create({{"model", "new"}, {"from", "base"}, {"adapters", std::move(named)}}), 400);
  };
  EXPECT_NE(refused(files({{"a.gguf", "a"}, {"b.gguf", "b"}})).find("expected one adapter, found 2"),
            std::string::npos);
  EXPECT_NE(refused(files({{"adapter_model.safetensors", "a"}})).find("expected a GGUF file"),
            std::string::npos);
  EXPECT_NE(refused({{"a.gguf", store::Digest::of("none").text()}}).find("adapters"), std::string::npos);
  store_.put_file("blobs/" + store::Digest::of("right").file_name(), "wrong");
  EXPECT_NE(refused({{"a.gguf", store::Digest::of("right").text()}}).find("adapters.a.gguf"),
            std::string::npos);
  service_.entry_description =
      Error(ErrorCode::kMalformed, "adapter.gguf: expected a LoRA adapter, found a model");
  EXPECT_NE(refused(files({{"a.gguf", "a"}})).find("expected a LoRA adapter"), std::string::npos);
  EXPECT_FALSE(stored("new"));
}

TEST_F(CreateRoutes, FolderOfSafetensors_IsKeptFileByFile) {
  create({{"model", "new"},
          {"files",
           files({{"model.safetensors", "tensors"}, {"config.json", "{}"}, {"tokenizer.json", "[]"}})}});
  const auto model = stored("new");
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ(model->unusable, "");
  EXPECT_EQ(model->files().name, "model");
  EXPECT_EQ(files_of(*model), (std::vector<std::string>{"model/config.json", "model/model.safetensors",
                                                        "model/tokenizer.json"}));
}

TEST_F(CreateRoutes, FilesThatAreNoModel_AreRefused) {
  const auto refused = [&](json named) {
    const auto answer = create({{"model", "new"}, {"files", std::move(named)}});
    return error(answer, 400);
  };
  EXPECT_NE(refused({{"tiny.gguf", store::Digest::of("none").text()}}).find("there is no blob"),
            std::string::npos);
  EXPECT_NE(refused({{"tiny.gguf", "x"}}).find("files.tiny.gguf"), std::string::npos);
  EXPECT_NE(refused(files({{"a.gguf", "a"}, {"b.gguf", "b"}})).find("expected one GGUF file"),
            std::string::npos);
  EXPECT_NE(refused(files({{"m-00001-of-00002.gguf", "a"}})).find("all 2 parts"), std::string::npos);
  EXPECT_NE(
      refused(files({{"m-00001-of-00002.gguf", "a"}, {"n-00002-of-00002.gguf", "b"}})).find("a part of"),
      std::string::npos);
  EXPECT_NE(refused(files({{"model.safetensors", "a"}})).find("config.json"), std::string::npos);
  EXPECT_NE(
      refused(files({{"model.safetensors", "a"}, {"config.json", "b"}, {"run.py", "c"}})).find("run.py"),
      std::string::npos);
  EXPECT_NE(refused(files({{"a/model.safetensors", "a"}, {"config.json", "b"}})).find("one folder"),
            std::string::npos);
  service_.entry_description = Error(ErrorCode::kMalformed, "model.gguf: expected GGUF, found nonsense");
  EXPECT_NE(refused(files({{"tiny.gguf", "nonsense"}})).find("expected GGUF"), std::string::npos);
  EXPECT_NE(
      error(create({{"model", "new"}, {"from", "x"}, {"files", files({{"t.gguf", "t"}})}}), 400).find("from"),
      std::string::npos);
  EXPECT_FALSE(stored("new"));
  store_.put_file("blobs/" + store::Digest::of("right").file_name(), "wrong");
  EXPECT_NE(refused({{"tiny.gguf", store::Digest::of("right").text()}}).find("expected content of"),
            std::string::npos);
}

TEST_F(CreateRoutes, Quantize_WritesTheWeightsAnew) {
  service_.entry_description->set_quantisation("F16");
  const json weights = files({{"tiny.gguf", "weights"}});
  const auto answer =
      create({{"model", "new"}, {"files", weights}, {"quantize", "Q4_K_M"}, {"system", "Be brief."}});
  const auto lines = answer.lines();
  ASSERT_GE(lines.size(), 4U) << answer.body();
  EXPECT_EQ(lines[0]["status"], "quantizing F16 model to Q4_K_M");
  EXPECT_EQ(lines[0]["total"], 100);
  EXPECT_EQ(lines[0]["completed"], 50);
  EXPECT_EQ(lines.back()["status"], "success");
  const auto model = stored("new");
  ASSERT_TRUE(model) << model.error().message();
  EXPECT_EQ(model->config.quantisation, "Q4_K_M");
  EXPECT_EQ(model->config.family, "llama");
  ASSERT_EQ(model->files().files.size(), 1U);
  EXPECT_EQ(model->files().files[0].digest, store::Digest::of("quantised to Q4_K_M"));

  // From a model of the store: its words stay.
  service_.add("new:latest").entry.stored = std::make_shared<const StoredModel>(*model);
  EXPECT_EQ(create({{"model", "newer"}, {"from", "new"}, {"quantize", "Q8_0"}, {"stream", false}}).body(),
            R"({"status":"success"})");
  const auto newer = stored("newer");
  ASSERT_TRUE(newer) << newer.error().message();
  EXPECT_EQ(newer->files().files[0].digest, store::Digest::of("quantised to Q8_0"));
  EXPECT_EQ(newer->config.quantisation, "Q8_0");
  EXPECT_EQ(read_stored_layers(*newer).value().system, "Be brief.");

  service_.quantize_error = Error(ErrorCode::kInvalidArgument, "expected a type, found Q9");
  EXPECT_EQ(error(create({{"model", "bad"}, {"files", weights}, {"quantize", "Q9"}}), 400),
            "quantize: expected a type, found Q9");
  EXPECT_FALSE(stored("bad"));
}

TEST_F(CreateRoutes, Template_InEitherLanguage_StandsOverTheWeightsOwn) {
  const json weights = files({{"tiny.gguf", "weights"}});
  const std::string jinja = "{% for m in messages %}{{ m.content }}{% endfor %}";
  create({{"model", "jinja"}, {"files", weights}, {"template", jinja}});
  const std::string go = "{{ .Prompt }}";
  create({{"model", "go"}, {"files", weights}, {"template", go}});
  create({{"model", "plain"}, {"files", weights}, {"template", "no template"}});
  for (const auto& [name, source] :
       {std::pair("jinja", jinja), std::pair("go", go), std::pair("plain", std::string())}) {
    const auto model = stored(name);
    ASSERT_TRUE(model) << model.error().message();
    CatalogEntry entry;
    entry.stored = std::make_shared<const StoredModel>(*model);
    const auto opened = open_model_files(entry);
    ASSERT_TRUE(opened) << opened.error().message();
    EXPECT_EQ(opened->chat_template, source);
  }
  EXPECT_EQ(read_stored_layers(*stored("plain")).value().template_source, "no template");
  ASSERT_EQ(service_.described_entries.size(), 3U);
  EXPECT_EQ(service_.described_entries[0].stored->chat_template().value(), jinja) << "the engine looks at it";

  service_.entry_description->set_chat_template_problem("line 1: unexpected end");
  for (const char* source : {"{% for %}", "{{ if .Prompt }}"}) {
    const auto answer = create({{"model", "bad"}, {"files", weights}, {"template", source}});
    EXPECT_EQ(error(answer, 400), "template: line 1: unexpected end");
    EXPECT_FALSE(stored("bad"));
  }
}

TEST_F(CreateRoutes, ModelThatRequiresMore_IsNotLoaded) {
  create({{"model", "new"}, {"files", files({{"tiny.gguf", "weights"}})}, {"requires", "0.14.0"}});
  const auto now = stored("new");
  ASSERT_TRUE(now);
  store::Manifest manifest = now->manifest.manifest;
  auto config = *store::ModelConfig::parse(*store_->read_blob(manifest.config.digest, 4096));
  config.requires_version = "99.0";
  manifest.config = store_.put_blob(store::media_type::kConfig, config.serialise());
  ASSERT_TRUE(store_->write_manifest(*store::ModelName::parse("new"), manifest.serialise()));
  EXPECT_NE(stored("new")->unusable.find("99.0"), std::string::npos);
}

// What /api/show says can be given to /api/create, and is the same model.
TEST_F(CreateRoutes, ShownModelfile_MakesTheSameModelAgain) {
  create(
      {{"model", "first"},
       {"files", files({{"tiny.gguf", "weights"}})},
       {"template", "{{ .Prompt }}"},
       {"system", "Say \"yes\"\nor no."},
       {"license", json::array({"One\n", "Two"})},
       {"parameters", {{"temperature", 0.5}, {"stop", json::array({"a\nb", "\"c\""})}, {"use_mmap", true}}},
       {"messages", json::array({{{"role", "user"}, {"content", "hi"}}})}});
  const auto model = stored("first");
  ASSERT_TRUE(model) << model.error().message();
  const auto layers = read_stored_layers(*model);
  ASSERT_TRUE(layers);
  const std::string text = modelfile_of({"first", layers->template_source, layers->system, layers->licenses,
                                         layers->parameters, layers->messages});
  const auto file = store::Modelfile::parse(text);
  ASSERT_TRUE(file) << file.error().message() << "\n" << text;
  const auto parameters = read_modelfile_parameters(file->parameters);
  ASSERT_TRUE(parameters) << parameters.error().message;
  FakeModel& first = service_.add("first:latest");
  first.entry.stored = std::make_shared<const StoredModel>(*model);
  json messages = json::array();
  for (const auto& message : file->messages)
    messages.push_back({{"role", message.role}, {"content", message.content}});
  const auto answer = create({{"model", "second"},
                              {"from", file->from},
                              {"template", *file->template_source},
                              {"system", *file->system},
                              {"license", file->licenses},
                              {"parameters", json::parse(wire::dump_json(*parameters))},
                              {"messages", messages}});
  EXPECT_EQ(answer.status, 200) << answer.body();
  // In another order, as Ollama has them: what is replaced goes behind what stays.
  const auto sorted = [](std::vector<store::Layer> of) {
    std::ranges::sort(of, {}, &store::Layer::digest);
    return of;
  };
  EXPECT_EQ(sorted(stored("second")->manifest.manifest.layers), sorted(model->manifest.manifest.layers))
      << text;
}

TEST_F(CreateRoutes, ParametersOfAModelfile_HaveTheirTypes) {
  const auto read = read_modelfile_parameters({{"temperature", "0.7", 2},
                                               {"top_k", "40", 3},
                                               {"stop", "42", 4},
                                               {"stop", "b", 5},
                                               {"use_mmap", "false", 6}});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(wire::dump_json(*read), R"({"temperature":0.7,"top_k":40,"stop":["42","b"],"use_mmap":false})");
  const auto wrong = read_modelfile_parameters({{"top_k", "40", 3}, {"temperature", "hot", 7}});
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message.rfind("line 7: PARAMETER.temperature: expected", 0), 0U)
      << wrong.error().message;
  EXPECT_NE(read_modelfile_parameters({{"nonsense", "1", 9}}).error().message.find("line 9"),
            std::string::npos);
}

}  // namespace
}  // namespace hearth::server::ollama
