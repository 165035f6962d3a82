#include "text/tokenizer/huggingface/tokenizer_config.h"

#include <nlohmann/json.hpp>

#include "text/tokenizer/huggingface/json_place.h"

namespace hearth::text {
namespace {

// A token is its text, or an object with its "content".
Result<std::optional<std::string>> read_token(const JsonPlace& config, std::string_view key) {
  HEARTH_ASSIGN(const auto member, config.find(key));
  if (!member) return std::optional<std::string>();
  if (!member->value().is_object()) {
    HEARTH_ASSIGN(const std::string_view text, member->string());
    return std::optional<std::string>(text);
  }
  HEARTH_ASSIGN(const JsonPlace content, member->at("content"));
  HEARTH_ASSIGN(const std::string_view text, content.string());
  return std::optional<std::string>(text);
}

Result<std::optional<bool>> read_flag(const JsonPlace& config, std::string_view key) {
  HEARTH_ASSIGN(const auto member, config.find(key));
  if (!member) return std::optional<bool>();
  HEARTH_ASSIGN(const bool value, member->flag());
  return std::optional<bool>(value);
}

Result<void> read_templates(const JsonPlace& config, TokenizerConfig& out) {
  HEARTH_ASSIGN(const auto member, config.find("chat_template"));
  if (!member) return {};
  if (!member->value().is_array()) {
    HEARTH_ASSIGN(const std::string_view text, member->string());
    out.chat_template = std::string(text);
    return {};
  }
  HEARTH_ASSIGN(const std::vector<JsonPlace> entries, member->elements());
  for (const JsonPlace& entry : entries) {
    HEARTH_ASSIGN(const JsonPlace name_place, entry.at("name"));
    HEARTH_ASSIGN(const JsonPlace template_place, entry.at("template"));
    HEARTH_ASSIGN(const std::string_view name, name_place.string());
    HEARTH_ASSIGN(const std::string_view text, template_place.string());
    if (name == "default") {
      out.chat_template = std::string(text);
    } else {
      out.named_chat_templates.emplace_back(name, text);
    }
  }
  return {};
}

Result<TokenizerConfig> read_config(const JsonPlace& config) {
  TokenizerConfig result;
  HEARTH_ASSIGN(result.bos_token, read_token(config, "bos_token"));
  HEARTH_ASSIGN(result.eos_token, read_token(config, "eos_token"));
  HEARTH_ASSIGN(result.add_bos_token, read_flag(config, "add_bos_token"));
  HEARTH_ASSIGN(result.add_eos_token, read_flag(config, "add_eos_token"));
  HEARTH_TRY(read_templates(config, result));
  return result;
}

}  // namespace

Result<TokenizerConfig> read_tokenizer_config(std::string_view json) {
  if (json.empty()) return TokenizerConfig();
  constexpr std::string_view kFile = "tokenizer_config.json";
  HEARTH_ASSIGN(const nlohmann::json document, parse_json(json, kFile));
  auto config = read_config(JsonPlace(document, ""));
  if (!config) return config.error().in(kFile);
  return config;
}

}  // namespace hearth::text
