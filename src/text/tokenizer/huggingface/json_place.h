// A value in a JSON document that knows where it stands, so that every complaint about it says so.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::text {

// The document must outlive it.
class JsonPlace {
 public:
  JsonPlace(const nlohmann::json& value, std::string path) : value_(&value), path_(std::move(path)) {}

  const nlohmann::json& value() const noexcept { return *value_; }
  // "model.vocab", "" for the whole document.
  const std::string& path() const noexcept { return path_; }

  // A member of an object; nothing where it is absent or null. kMalformed where this is no object.
  Result<std::optional<JsonPlace>> find(std::string_view key) const;
  Result<JsonPlace> at(std::string_view key) const;
  Result<std::vector<JsonPlace>> elements() const;

  // kMalformed where the value is of another type. The view lives as long as the document.
  Result<std::string_view> string() const;
  Result<int64_t> integer() const;
  Result<double> number() const;
  Result<bool> flag() const;

  // Members that may be absent.
  Result<std::string_view> string_or(std::string_view key, std::string_view fallback) const;
  Result<int64_t> integer_or(std::string_view key, int64_t fallback) const;
  Result<bool> flag_or(std::string_view key, bool fallback) const;

  // "path: expected ..., found ...".
  Error malformed(std::string_view expected) const;
  Error unsupported(std::string_view expected) const;
  // The value as a message shows it.
  std::string shown() const;

 private:
  const nlohmann::json* value_;
  std::string path_;
};

// Limits on what comes in a model's folder: far beyond what models have.
constexpr size_t kMaxJsonBytes = size_t{256} << 20;
constexpr size_t kMaxJsonDepth = 64;
constexpr size_t kMaxJsonValues = size_t{1} << 25;

// `file` names the document in messages. kMalformed for what is no JSON, kResourceExhausted beyond the
// limits.
Result<nlohmann::json> parse_json(std::string_view text, std::string_view file);

}  // namespace hearth::text
