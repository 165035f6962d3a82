#include "store/new_model.h"

#include <gtest/gtest.h>

#include "store/store_fixture.h"

namespace hearth::store {
namespace {

using Json = nlohmann::ordered_json;

// Every byte written by hand: what Ollama's own code would write of the same content (docs/store.md).
TEST(NewModel, FilesOfTheStore_AreAsOllamaWritesThem) {
  const TestStore store;
  const Layer weights = store.put_blob(media_type::kModel, "weights");
  NewModel model{name_of("tiny"),
                 {weights},
                 ModelConfig{"gguf", "llama", {"llama"}, "1.1B", "Q4_0", {}}.serialise(),
                 {}};
  model.texts.template_source = "{{ .Prompt }}";
  model.texts.system = "Be brief & <kind>.";
  model.texts.licenses = {"Do what you like."};
  model.texts.parameters = Json::parse(R"({"temperature":0.7,"stop":["<|end|>"],"num_ctx":2048})");
  model.texts.messages =
      Json::parse(R"([{"role":"user","content":"1+1?"},{"role":"assistant","content":"2"}])");
  model.texts.requires_version = "0.14.0";
  const auto steps = create_model(*store, model);
  ASSERT_TRUE(steps) << steps.error().message();
  EXPECT_EQ(steps->front(),
            "using existing layer sha256:9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c");
  EXPECT_EQ((*steps)[1],
            "creating new layer sha256:b507b9c2f6ca642bffcd06665ea7c91f235fd32daeefdf875a0f938db05fb315");
  EXPECT_EQ((*steps)[steps->size() - 2], "writing manifest");
  EXPECT_EQ(steps->back(), "success");

  const auto blob = [&](std::string_view text) {
    return store.read_file("blobs/" + Digest::of(text).file_name()) == text;
  };
  const std::string params = "{\"num_ctx\":2048,\"stop\":[\"\\u003c|end|\\u003e\"],\"temperature\":0.7}\n";
  const std::string messages =
      "[{\"role\":\"user\",\"content\":\"1+1?\"},{\"role\":\"assistant\",\"content\":\"2\"}]\n";
  EXPECT_TRUE(blob(params));
  EXPECT_TRUE(blob(messages));
  EXPECT_TRUE(blob("{{ .Prompt }}"));
  EXPECT_TRUE(blob("Be brief & <kind>."));
  const auto digest = [](std::string_view text) { return Digest::of(text).text(); };
  const std::string config = fmt::format(
      R"({{"model_format":"gguf","model_family":"llama","model_families":["llama"],"model_type":"1.1B","file_type":"Q4_0",)"
      R"("requires":"0.14.0","architecture":"amd64","os":"linux","rootfs":{{"type":"layers","diff_ids":["{}","{}","{}","{}","{}","{}"]}}}})"
      "\n",
      digest("weights"), digest("{{ .Prompt }}"), digest("Be brief & <kind>."), digest("Do what you like."),
      digest(params), digest(messages));
  EXPECT_TRUE(blob(config)) << config;
  const auto layer = [&](std::string_view type, std::string_view text) {
    return fmt::format(R"({{"mediaType":"application/vnd.ollama.image.{}","digest":"{}","size":{}}})", type,
                       digest(text), text.size());
  };
  EXPECT_EQ(
      store.read_file("manifests/registry.ollama.ai/library/tiny/latest"),
      fmt::format(
          R"({{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",)"
          R"("config":{{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"{}","size":{}}},)"
          R"("layers":[{},{},{},{},{},{}]}})"
          "\n",
          digest(config), config.size(), layer("model", "weights"), layer("template", "{{ .Prompt }}"),
          layer("system", "Be brief & <kind>."), layer("license", "Do what you like."),
          layer("params", params), layer("messages", messages)));
}

TEST(NewModel, TextsOfTheBase_StayReplacedOrGone) {
  const TestStore store;
  NewModel model{
      name_of("new"),
      {store.put_blob(media_type::kModel, "weights"), store.put_blob(media_type::kPrompt, "old template"),
       store.put_blob(media_type::kSystem, "old system"), store.put_blob(media_type::kLicense, "license"),
       store.put_blob(media_type::kParams, "{}")},
      R"({"model_format":"gguf","other":{"x":1},"renderer":"r","parser":"p"})",
      {}};
  model.texts.template_source = "new template";
  model.texts.system = "";
  model.texts.licenses = {"license", "another"};
  ASSERT_TRUE(create_model(*store, model));
  const auto stored = store->manifest(name_of("new"));
  ASSERT_TRUE(stored);
  std::vector<std::string> types;
  for (const Layer& layer : stored->manifest.layers)
    types.push_back(layer.media_type.substr(layer.media_type.rfind('.') + 1));
  EXPECT_EQ(types, (std::vector<std::string>{"model", "license", "params", "template", "license"}));
  const auto config = store->read_blob(stored->manifest.config.digest, 4096);
  ASSERT_TRUE(config);
  EXPECT_NE(config->find(R"("other":{"x":1})"), std::string::npos) << "what Hearth does not know stays";
  EXPECT_EQ(config->find("renderer"), std::string::npos) << "it would stand over the template";
  EXPECT_EQ(config->find("parser"), std::string::npos);
}

TEST(NewModel, MissingBlob_LeavesNothingOfTheName) {
  const TestStore store;
  const NewModel model{
      name_of("new"), {{std::string(media_type::kModel), Digest::of("none"), 4, "", ""}}, "{}", {}};
  EXPECT_EQ(create_model(*store, model).error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(store->find(name_of("new")));
  EXPECT_FALSE(create_model(*store, {name_of("new"), {}, "no JSON", {}}));
}

}  // namespace
}  // namespace hearth::store
