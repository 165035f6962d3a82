// The tokenizer of a model that comes as a Hugging Face folder: tokenizer.json, and what
// tokenizer_config.json adds to it. Which components of the format are read: docs/formats/tokenizer_json.md.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

// What a model's folder says of its tokenizer. The views must live until tokenizer_from_json returns.
struct HuggingFaceFiles {
  std::string_view tokenizer;         // the content of tokenizer.json
  std::string_view tokenizer_config;  // the content of tokenizer_config.json; empty where there is none
  // eos_token_id of generation_config.json and config.json, one or several: each ends an answer, and the
  // first is the EOS token where tokenizer_config.json names none.
  std::vector<int64_t> eos_ids;
  // The rows of the model's embedding, where the caller knows them: the vocabulary is filled up to that many
  // with unused tokens. One that is already larger stays as it is.
  std::optional<int64_t> n_embeddings;
};

struct HuggingFaceTokenizer {
  std::unique_ptr<const Tokenizer> tokenizer;
  // chat_template of tokenizer_config.json; of several the one named "default".
  std::optional<std::string> chat_template;
  // The others of several: name ("tool_use", "rag") and template.
  std::vector<std::pair<std::string, std::string>> named_chat_templates;
  // What a template is given as bos_token and eos_token.
  std::optional<std::string> bos_token, eos_token;
};

// kMalformed where a file is not JSON or breaks the format, kUnsupported for a component that Hearth does not
// know, kResourceExhausted beyond a limit; the message says in which file and where in it.
Result<HuggingFaceTokenizer> tokenizer_from_json(const HuggingFaceFiles& files);

}  // namespace hearth::text
