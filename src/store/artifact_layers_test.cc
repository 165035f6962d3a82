#include "store/artifact_layers.h"

#include <gtest/gtest.h>

namespace hearth::store {
namespace {

struct Given {
  std::string type;
  std::string annotation;  // its name and value, as JSON; empty: none
};

std::string file(const std::string& path) {
  return R"("org.opencontainers.image.title":")" + path + "\"";
}
std::string filepath(const std::string& path) {
  return R"("org.cncf.model.filepath":")" + path + "\"";
}

// As text, and read: what registries give out.
Manifest manifest_of(const std::vector<Given>& layers) {
  std::string text = R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",)"
                     R"("config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":")" +
                     Digest::of("{}").text() + R"(","size":2},"layers":[)";
  for (size_t i = 0; i < layers.size(); ++i) {
    text += (i == 0 ? R"({"mediaType":")" : R"(,{"mediaType":")") + layers[i].type + R"(","digest":")" +
            Digest::of(std::to_string(i)).text() + R"(","size":1)";
    if (!layers[i].annotation.empty()) text += R"(,"annotations":{)" + layers[i].annotation + "}";
    text += "}";
  }
  auto manifest = Manifest::parse(text + "]}");
  EXPECT_TRUE(manifest) << manifest.error().message();
  // Written in our terms, they are the same.
  EXPECT_EQ(*Manifest::parse(manifest->serialise()), *manifest);
  return *manifest;
}

std::vector<std::string> kinds_of(const Manifest& manifest) {
  std::vector<std::string> kinds;
  for (const Layer& layer : manifest.layers) kinds.push_back(layer.media_type);
  return kinds;
}
using Kinds = std::vector<std::string>;

TEST(Artifact, OfDockerModelRunner_IsUnderstood) {
  const Manifest manifest = manifest_of({{"application/vnd.docker.ai.gguf.v3", filepath("model.gguf")},
                                         {"application/vnd.docker.ai.gguf.v3.lora", ""},
                                         {"application/vnd.docker.ai.mmproj", filepath("mmproj.gguf")},
                                         {"application/vnd.docker.ai.chat.template.jinja", ""},
                                         {"application/vnd.docker.ai.license", ""},
                                         {"application/vnd.docker.ai.vllm.config.tar", ""}});
  EXPECT_EQ(kinds_of(manifest),
            (Kinds{std::string(media_type::kModel), std::string(media_type::kAdapter),
                   std::string(media_type::kProjector), std::string(media_type::kTemplate),
                   std::string(media_type::kLicense), "application/vnd.docker.ai.vllm.config.tar"}));
  EXPECT_EQ(manifest.layers[0].name, "model.gguf");
}

TEST(Artifact, OfModelPack_IsUnderstood) {
  const std::string weights = "application/vnd.cncf.model.weight.v1.raw";
  const std::string config = "application/vnd.cncf.model.weight.config.v1.raw";
  const std::string folder(media_type::kFolderFile);
  const Manifest safetensors =
      manifest_of({{weights, filepath("model-00001-of-00002.safetensors")},
                   {weights, filepath("./model-00002-of-00002.safetensors")},
                   {config, filepath("model.safetensors.index.json")},
                   {config, filepath("config.json")},
                   {config, filepath("tokenizer.json")},
                   {config, filepath("vision/config.json")},
                   {"application/vnd.cncf.model.doc.v1.raw", filepath("LICENSE")},
                   {"application/vnd.cncf.model.doc.v1.raw", filepath("README.md")},
                   {"application/vnd.cncf.model.weight.v1.tar+gzip", filepath("config.json")}});
  EXPECT_EQ(
      kinds_of(safetensors),
      (Kinds{folder, folder, folder, folder, folder, config, std::string(media_type::kLicense),
             "application/vnd.cncf.model.doc.v1.raw", "application/vnd.cncf.model.weight.v1.tar+gzip"}));
  EXPECT_EQ(safetensors.layers[1].name, "model-00002-of-00002.safetensors");

  // Beside GGUF weights, what belongs to a folder is none of the model but for its template.
  const Manifest gguf = manifest_of({{config, filepath("config.json")},
                                     {config, filepath("chat_template.jinja")},
                                     {weights, filepath("q4/model.gguf")}});
  EXPECT_EQ(kinds_of(gguf),
            (Kinds{config, std::string(media_type::kTemplate), std::string(media_type::kModel)}));
  EXPECT_EQ(gguf.layers[2].name, "model.gguf");
}

TEST(Artifact, OfOras_IsUnderstoodByItsFiles) {
  const std::string any = "application/vnd.oci.image.layer.v1.tar";
  const Manifest manifest = manifest_of({{any, file("model-00001-of-00002.gguf")},
                                         {"application/octet-stream", file("model-00002-of-00002.gguf")},
                                         {any, file("mmproj-model-f16.gguf")},
                                         {any, file("notes.txt")},
                                         {any, ""}});
  EXPECT_EQ(kinds_of(manifest), (Kinds{std::string(media_type::kModel), std::string(media_type::kModel),
                                       std::string(media_type::kProjector), any, any}));
  EXPECT_EQ(manifest.layers[1].name, "model-00002-of-00002.gguf");
}

TEST(Artifact, OfOllama_StaysAsItIs) {
  const std::string params(media_type::kParams);
  const Manifest manifest = manifest_of({{params, file("model.gguf")}, {"application/vnd.ollama.x", ""}});
  EXPECT_EQ(kinds_of(manifest), (Kinds{params, "application/vnd.ollama.x"}));
  EXPECT_EQ(manifest.layers[0].name, "");
}

TEST(Artifact, AnnotationsThatAreNone_ArePassedOver) {
  const Manifest manifest =
      manifest_of({{"a/b", R"("org.opencontainers.image.title":5)"},
                   {"a/b", R"("org.opencontainers.image.title":")" + std::string(5000, 'x') + R"(.gguf")"},
                   {"a/b", R"("title":"model.gguf")"}});
  EXPECT_EQ(kinds_of(manifest), (Kinds{"a/b", "a/b", "a/b"}));
}

}  // namespace
}  // namespace hearth::store
