#include "store/manifest.h"

#include <gtest/gtest.h>

#include "store/model_config.h"

namespace hearth::store {
namespace {

const std::string kHexA(64, 'a');
const std::string kHexB(64, 'b');

// As `ollama create` writes one.
std::string written_by_ollama() {
  return R"({"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",)"
         R"("config":{"mediaType":"application/vnd.docker.container.image.v1+json","digest":"sha256:)" +
         kHexA +
         R"(","size":412},"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:)" +
         kHexB + R"(","size":815310432,"from":"/root/.ollama/models/blobs/sha256-)" + kHexB +
         R"("},{"mediaType":"application/vnd.ollama.image.params","digest":"sha256:)" + kHexA +
         R"(","size":412}]})" + "\n";
}

std::string layer(const std::string& rest) {
  return R"({"schemaVersion":2,"config":{"mediaType":"c","digest":"sha256:)" + kHexA +
         R"(","size":1},"layers":[)" + rest + "]}";
}

TEST(Manifest, OfOllama_IsReadAndWrittenByteForByte) {
  const auto manifest = Manifest::parse(written_by_ollama());
  ASSERT_TRUE(manifest) << manifest.error().message();
  ASSERT_EQ(manifest->layers.size(), 2U);
  EXPECT_EQ(manifest->config.media_type, media_type::kConfig);
  EXPECT_EQ(manifest->first(media_type::kModel)->size_bytes, 815'310'432U);
  EXPECT_EQ(manifest->first(media_type::kModel)->digest.hex(), kHexB);
  EXPECT_EQ(manifest->first(media_type::kTemplate), nullptr);
  EXPECT_EQ(manifest->size_bytes(), 815'310'432U + 412U + 412U);
  EXPECT_EQ(manifest->blobs().size(), 2U) << "each blob once";
  EXPECT_EQ(manifest->serialise(), written_by_ollama());
}

TEST(Manifest, TextThatHtmlWouldObey_IsEscapedAsGoDoes) {
  Manifest manifest = *Manifest::parse(written_by_ollama());
  manifest.layers[0].from = "<a> & \"b\"\\\x01\t\xE2\x80\xA8\xC3\xA9\x7F";
  const std::string text = manifest.serialise();
  EXPECT_NE(text.find(R"("from":"\u003ca\u003e \u0026 \"b\"\\\u0001\t\u2028)"
                      "\xC3\xA9\x7F\""),
            std::string::npos)
      << text;
  EXPECT_EQ(*Manifest::parse(text), manifest);
}

TEST(Manifest, UnknownMediaTypesAndFields_AreKeptOrPassedOver) {
  const auto manifest =
      Manifest::parse(layer(R"({"mediaType":"application/x.new","digest":"sha256:)" + kHexB +
                            R"(","size":7,"name":"tokenizer.json","annotations":{"a":["b"]},"urls":[]})"));
  ASSERT_TRUE(manifest) << manifest.error().message();
  EXPECT_EQ(manifest->layers[0].media_type, "application/x.new");
  EXPECT_EQ(manifest->layers[0].name, "tokenizer.json");
  EXPECT_EQ(manifest->media_type, media_type::kOciManifest);
  EXPECT_EQ(*Manifest::parse(manifest->serialise()), *manifest);
}

TEST(Manifest, Hostile_IsRefusedWithItsPlace) {
  const auto with = [](const std::string& digest, const std::string& size) {
    return layer(R"({"mediaType":"m","digest":)" + digest + R"(,"size":)" + size + "}");
  };
  const std::string good = "\"sha256:" + kHexB + "\"";
  struct Case {
    std::string text;
    ErrorCode code;
    const char* place;
  };
  const Case cases[] = {
      {"", ErrorCode::kMalformed, "byte"},
      {"[]", ErrorCode::kMalformed, "top"},
      {"{}", ErrorCode::kMalformed, "schemaVersion"},
      {R"({"schemaVersion":1})", ErrorCode::kUnsupported, "schemaVersion"},
      {R"({"schemaVersion":"2"})", ErrorCode::kMalformed, "schemaVersion"},
      {R"({"schemaVersion":2,"mediaType":"text/html"})", ErrorCode::kUnsupported, "mediaType"},
      {R"({"schemaVersion":2,"mediaType":5})", ErrorCode::kMalformed, "mediaType"},
      {R"({"schemaVersion":2,"manifests":[]})", ErrorCode::kUnsupported, "list of manifests"},
      {R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json"})",
       ErrorCode::kUnsupported, "list of manifests"},
      {R"({"schemaVersion":2})", ErrorCode::kMalformed, "config"},
      {R"({"schemaVersion":2,"config":[]})", ErrorCode::kMalformed, "config"},
      {layer("5"), ErrorCode::kMalformed, "layers[0]"},
      {layer("null"), ErrorCode::kMalformed, "layers[0]"},
      {layer(R"({"digest":)" + good + R"(,"size":1})"), ErrorCode::kMalformed, "layers[0]: mediaType"},
      {with(R"("sha256:../../etc/passwd")", "1"), ErrorCode::kMalformed, "layers[0]: digest"},
      {with("\"sha512:" + kHexB + "\"", "1"), ErrorCode::kMalformed, "layers[0]: digest"},
      {with("\"\"", "1"), ErrorCode::kMalformed, "layers[0]: digest"},
      {with("null", "1"), ErrorCode::kMalformed, "layers[0]: digest"},
      {with(good, "-1"), ErrorCode::kMalformed, "layers[0]: size"},
      {with(good, "1.5"), ErrorCode::kMalformed, "layers[0]: size"},
      {with(good, "\"1\""), ErrorCode::kMalformed, "layers[0]: size"},
      {with(good, "17592186044417"), ErrorCode::kResourceExhausted, "layers[0]: size"},
      {with(good, "18446744073709551616"), ErrorCode::kMalformed, "layers[0]: size"},
      {with("\"sha256:" + kHexA + "\"", "2"), ErrorCode::kMalformed, "one size"},
      {with(good, R"(1,"size":2)"), ErrorCode::kMalformed, "\"size\""},
      {with(good, R"(1,"from":["x"])"), ErrorCode::kMalformed, "layers[0]: from"},
      {with(good, R"(1,"name":")" + std::string(5000, 'x') + "\""), ErrorCode::kResourceExhausted, "name"},
      {layer("") + "x", ErrorCode::kMalformed, "byte"},
      {layer(std::string(100, '[') + std::string(100, ']')), ErrorCode::kResourceExhausted, "nesting"},
      {std::string(kMaxManifestBytes + 1, ' '), ErrorCode::kResourceExhausted, "bytes"},
  };
  for (const Case& c : cases) {
    const auto manifest = Manifest::parse(c.text);
    ASSERT_FALSE(manifest) << c.text.substr(0, 300);
    EXPECT_EQ(manifest.error().code(), c.code) << c.text.substr(0, 300) << manifest.error().message();
    EXPECT_NE(manifest.error().message().find(c.place), std::string::npos) << manifest.error().message();
    EXPECT_LT(manifest.error().message().size(), 500U);
  }
  std::string many = with(good, "1");
  const std::string one = many.substr(layer("").size() - 2, many.size() - layer("").size());
  std::string layers;
  for (size_t i = 0; i <= kMaxLayers; ++i) layers += (i == 0 ? "" : ",") + one;
  EXPECT_EQ(Manifest::parse(layer(layers)).error().code(), ErrorCode::kResourceExhausted);
}

TEST(ModelConfig, OfOllama_IsReadAndWrittenByteForByte) {
  const std::string text =
      R"({"model_format":"gguf","model_family":"llama","model_families":["llama"],"model_type":"1.1B",)"
      R"("file_type":"Q4_0","architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:)" +
      kHexA + "\"]}}\n";
  const auto config = ModelConfig::parse(text);
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ(config->family, "llama");
  EXPECT_EQ(config->layer_digests.size(), 1U);
  EXPECT_EQ(config->serialise(), text);
  EXPECT_TRUE(ModelConfig::parse(R"({"model_families":null,"new":1})"));
  EXPECT_FALSE(ModelConfig::parse(R"({"model_family":5})"));
  EXPECT_FALSE(ModelConfig::parse("[]"));
  EXPECT_FALSE(ModelConfig::parse("GGUF"));
}

TEST(ModelConfig, OfOtherTools_IsRead) {
  // Docker Model Runner's, and ModelPack's.
  for (
      const char* text :
      {R"({"config":{"format":"gguf","quantization":"Q4_K_M","parameters":"361.82M","architecture":"llama",)"
       R"("size":"256.35MiB"},"descriptor":{"created":"2025-04-01T00:00:00Z"},"rootfs":{"type":"rootfs","diff_ids":[]}})",
       R"({"descriptor":{"name":"x"},"modelfs":{"type":"layers","diffIds":[]},"config":{"architecture":"llama",)"
       R"("format":"gguf","paramSize":"361.82M","quantization":"Q4_K_M"}})"}) {
    const auto config = ModelConfig::parse(text);
    ASSERT_TRUE(config) << config.error().message();
    EXPECT_EQ(config->format, "gguf");
    EXPECT_EQ(config->family, "llama");
    EXPECT_EQ(config->families, std::vector<std::string>{"llama"});
    EXPECT_EQ(config->parameters, "361.82M");
    EXPECT_EQ(config->quantisation, "Q4_K_M");
  }
  EXPECT_TRUE(ModelConfig::parse(R"({"config":"x"})"));
  EXPECT_FALSE(ModelConfig::parse(R"({"config":{"architecture":5}})"));
}

}  // namespace
}  // namespace hearth::store
