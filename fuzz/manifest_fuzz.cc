// Manifests, configs and names of models. What is taken must survive being written and read again.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "store/manifest.h"
#include "store/model_config.h"
#include "store/name.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth::store;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto manifest = Manifest::parse(text)) {
    const auto again = Manifest::parse(manifest->serialise());
    HEARTH_CHECK(again && *again == *manifest);
  }
  if (const auto config = ModelConfig::parse(text))
    HEARTH_CHECK(ModelConfig::parse(config->serialise()).has_value());
  if (const auto name = ModelName::parse(text)) {
    HEARTH_CHECK(*ModelName::parse(name->full_text()) == *name);
    HEARTH_CHECK(same_model(*ModelName::parse(name->text()), *name));
    HEARTH_CHECK(*ModelName::from_manifest_path(name->manifest_path()) == *name);
    for (const auto& part : name->manifest_path()) HEARTH_CHECK(part != ".." && part != "." && !part.empty());
  }
  if (const auto digest = Digest::parse(text)) {
    HEARTH_CHECK(*Digest::parse_file_name(digest->file_name()) == *digest);
  }
  return 0;
}
