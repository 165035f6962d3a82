// A config.json: typed access that notes what was asked for, so that an option nobody knows can be refused.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::models {

// Errors name `where` ("config.json") and the key. A key that is absent and one that is null are the same.
class HuggingFaceConfig {
 public:
  // `json` must be an object (kMalformed otherwise) and outlive this.
  static Result<HuggingFaceConfig> of(const nlohmann::json& json, std::string where);

  bool has(std::string_view key) const;
  // An integer from 0 to 2^31 - 1; kMalformed where it is something else.
  Result<std::optional<uint32_t>> count(std::string_view key) const;
  Result<uint32_t> count(std::string_view key, uint32_t fallback) const;
  Result<uint32_t> required_count(std::string_view key) const;
  // A finite number.
  Result<std::optional<double>> number(std::string_view key) const;
  Result<double> number(std::string_view key, double fallback) const;
  Result<double> required_number(std::string_view key) const;
  Result<std::vector<double>> numbers(std::string_view key) const;
  Result<bool> flag(std::string_view key, bool fallback) const;
  Result<std::string> text(std::string_view key, std::string_view fallback) const;
  Result<std::vector<std::string>> texts(std::string_view key) const;  // empty: no such key
  // One integer or a list of them.
  Result<std::vector<int64_t>> ids(std::string_view key) const;
  Result<std::optional<HuggingFaceConfig>> object(std::string_view key) const;

  // kUnsupported, naming key and value, where the value is there and another than this.
  Result<void> expect(std::string_view key, const nlohmann::json& value) const;
  // The keys need not be known.
  void ignore(std::initializer_list<std::string_view> keys) const;
  // kUnsupported, naming key and value, for keys that nobody asked for and that say something.
  Result<void> check_all_known() const;

  Error unsupported(std::string_view key, std::string_view expected) const;

 private:
  HuggingFaceConfig(const nlohmann::json& json, std::string where) : json_(&json), where_(std::move(where)) {}
  // Null where it is absent.
  const nlohmann::json* find(std::string_view key) const;
  Error malformed(std::string_view key, std::string_view expected, const nlohmann::json& found) const;

  const nlohmann::json* json_;
  std::string where_;
  mutable std::set<std::string, std::less<>> known_;
};

}  // namespace hearth::models
