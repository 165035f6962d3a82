// What a model is called: [host/][namespace/]model[:tag], by Ollama's rules (docs/store.md).
//
// The first character of a part is a letter, a digit or '_'; then '-', '_', '.' (not in a namespace) and ':'
// (in a host alone) may follow. A host has 1 to 350 characters, any other part 1 to 80. So no part is "..",
// empty, or holds a separator of paths, and each may be the name of a file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::store {

inline constexpr std::string_view kDefaultHost = "registry.ollama.ai";
inline constexpr std::string_view kDefaultNamespace = "library";
inline constexpr std::string_view kDefaultTag = "latest";

// Keeps the case that it was written in; which model is meant does not depend on it (same_model, key()).
struct ModelName {
  std::string host = std::string(kDefaultHost);
  std::string namespace_ = std::string(kDefaultNamespace);
  std::string model;
  std::string tag = std::string(kDefaultTag);

  // With the defaults for what is left out; "hf.co/user/repo:Q4_K_M" has all four parts. A scheme in front
  // (http://, https://) is passed over. kInvalidArgument, with the part that breaks the rules.
  static Result<ModelName> parse(std::string_view text);
  // Of the path of a manifest below "manifests": host/namespace/model/tag. kInvalidArgument.
  static Result<ModelName> from_manifest_path(const std::filesystem::path& relative);

  // Without host and namespace where they are the defaults: "tiny:latest", "user/repo:q4".
  std::string text() const;
  // All four parts: "registry.ollama.ai/library/tiny:latest".
  std::string full_text() const;
  // The same for all spellings of one model: full_text() in lower case.
  std::string key() const;
  // Below "manifests": registry.ollama.ai/library/tiny/latest.
  std::filesystem::path manifest_path() const;

  friend bool operator==(const ModelName&, const ModelName&) = default;  // case matters here
};

bool same_model(const ModelName& a, const ModelName& b);

}  // namespace hearth::store
