#include "models/tokenizer_gguf.h"

#include <algorithm>

namespace hearth::models {
namespace {

constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";

std::string found(const gguf::Value& value) {
  if (!value.is_array()) return std::string(gguf::value_type_name(value.type()));
  return fmt::format("an array of {} {}", value.count(), gguf::value_type_name(value.element_type()));
}

// Sets `out` to what `read` makes of a key's value, if the key is there.
template <typename T, typename Read>
Result<void> read_optional(const gguf::File& file, std::string_view key, std::string_view expected, T& out,
                           const Read& read) {
  const gguf::Value* value = file.find(key);
  if (value == nullptr) return {};
  auto content = read(*value);
  if (!content) {
    return make_error(ErrorCode::kMalformed, "{}: expected {}, found {}", key, expected, found(*value));
  }
  out = std::move(*content);
  return {};
}

Result<void> read_arrays(const gguf::File& file, text::VocabularySource& source) {
  if (file.find(kTokensKey) == nullptr) {
    return make_error(ErrorCode::kMalformed, "{}: expected an array of strings, found no such key",
                      kTokensKey);
  }
  const auto strings = [](const gguf::Value& value) { return value.as_strings(); };
  HEARTH_TRY(read_optional(file, kTokensKey, "an array of strings", source.tokens, strings));
  HEARTH_TRY(read_optional(file, "tokenizer.ggml.merges", "an array of strings", source.merges, strings));
  HEARTH_TRY(read_optional(file, "tokenizer.ggml.scores", "an array of numbers", source.scores,
                           [](const gguf::Value& value) { return value.as_floats(); }));
  return read_optional(file, "tokenizer.ggml.token_type", "an array of integers", source.types,
                       [](const gguf::Value& value) { return value.as_integers(); });
}

Result<void> read_scalars(const gguf::File& file, text::VocabularySource& source) {
  const auto read_id = [&](std::string_view key, std::optional<int64_t>& id) {
    return read_optional(file, key, "an integer", id,
                         [](const gguf::Value& value) { return value.as_i64(); });
  };
  const auto read_flag = [&](std::string_view key, std::optional<bool>& flag) {
    return read_optional(file, key, "a bool", flag, [](const gguf::Value& value) { return value.as_bool(); });
  };
  HEARTH_TRY(read_id("tokenizer.ggml.bos_token_id", source.bos));
  HEARTH_TRY(read_id("tokenizer.ggml.eos_token_id", source.eos));
  HEARTH_TRY(read_id("tokenizer.ggml.eot_token_id", source.eot));
  HEARTH_TRY(read_id("tokenizer.ggml.unknown_token_id", source.unknown));
  if (source.model == "bert") {  // [CLS] begins a text and [SEP] ends it; the format spells its key so
    HEARTH_TRY(read_id("tokenizer.ggml.cls_token_id", source.bos));
    HEARTH_TRY(read_id("tokenizer.ggml.seperator_token_id", source.eos));
  }
  HEARTH_TRY(read_flag("tokenizer.ggml.add_bos_token", source.add_bos));
  HEARTH_TRY(read_flag("tokenizer.ggml.add_eos_token", source.add_eos));
  HEARTH_TRY(read_flag("tokenizer.ggml.add_space_prefix", source.add_space_prefix));
  HEARTH_TRY(read_optional(file, "tokenizer.ggml.remove_extra_whitespaces", "a bool",
                           source.remove_extra_whitespaces,
                           [](const gguf::Value& value) { return value.as_bool(); }));
  // Bytes, which the format writes as signed or unsigned ones.
  return read_optional(file, "tokenizer.ggml.precompiled_charsmap", "an array of bytes",
                       source.precompiled_charsmap, [](const gguf::Value& value) {
                         const auto numbers = value.as_integers();
                         std::optional<std::string> bytes;
                         if (!numbers) return bytes;
                         bytes.emplace();
                         for (const int64_t number : *numbers) bytes->push_back(static_cast<char>(number));
                         return bytes;
                       });
}

// Phi-3's special tokens were trained to take the white space behind them with them. The format has no key
// for it, so that the model's name must tell.
bool is_phi3(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower.find("phi-3") != std::string::npos || lower.find("phi3") != std::string::npos;
}

}  // namespace

Result<text::VocabularySource> vocabulary_from_gguf(const gguf::File& file) {
  text::VocabularySource source;
  HEARTH_ASSIGN(source.model, file.string("tokenizer.ggml.model"));
  HEARTH_ASSIGN(source.pre, file.string_or("tokenizer.ggml.pre", ""));
  HEARTH_TRY(read_arrays(file, source));
  HEARTH_TRY(read_scalars(file, source));
  HEARTH_ASSIGN(const std::string_view name, file.string_or("general.name", ""));
  source.special_swallows_space = is_phi3(name);
  return source;
}

Result<std::unique_ptr<const text::Tokenizer>> load_tokenizer(const gguf::File& file) {
  auto source = vocabulary_from_gguf(file);
  if (!source) return source.error().in(file.name());
  auto tokenizer = text::Tokenizer::create(*source);
  if (!tokenizer) return tokenizer.error().in(fmt::format("{}: tokenizer", file.name()));
  return tokenizer;
}

void set_vocabulary(gguf::FileDraft& draft, const text::TrainedVocabulary& vocabulary) {
  const text::VocabularySource source = vocabulary.source();
  draft.set_string("tokenizer.ggml.model", source.model);
  draft.set_string("tokenizer.ggml.pre", source.pre);
  draft.set_strings(kTokensKey, source.tokens);
  const std::vector<int32_t> types(source.types.begin(), source.types.end());
  draft.set_numbers<int32_t>("tokenizer.ggml.token_type", types);
  draft.set_strings("tokenizer.ggml.merges", source.merges);
  const auto set_id = [&](std::string_view key, std::optional<text::TokenId> id) {
    if (id) draft.set_number<uint32_t>(key, static_cast<uint32_t>(*id));
  };
  set_id("tokenizer.ggml.bos_token_id", vocabulary.bos);
  set_id("tokenizer.ggml.eos_token_id", vocabulary.eos);
  set_id("tokenizer.ggml.padding_token_id", vocabulary.padding);
  draft.set_number<bool>("tokenizer.ggml.add_bos_token", vocabulary.add_bos);
}

}  // namespace hearth::models
