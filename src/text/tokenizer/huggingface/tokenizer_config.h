// tokenizer_config.json: what it says beside tokenizer.json.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hearth::text {

struct TokenizerConfig {
  std::optional<std::string> bos_token, eos_token;  // their texts
  std::optional<bool> add_bos_token, add_eos_token;
  std::optional<std::string> chat_template;  // of several the one named "default"
  std::vector<std::pair<std::string, std::string>> named_chat_templates;  // the others
};

// Of empty text, nothing. Other members of the file are not looked at.
Result<TokenizerConfig> read_tokenizer_config(std::string_view json);

}  // namespace hearth::text
