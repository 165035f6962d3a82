#include "server/openai/tokens.h"

#include <fmt/format.h>

#include <cmath>

#include "base/utf8.h"

namespace hearth::server::openai {
namespace {

// JSON has no infinity. OpenAI's API tells -9999.0 for what is practically impossible.
double finite(float logprob) {
  constexpr double kLeast = -9999.0;
  return std::isfinite(logprob) ? static_cast<double>(logprob) : kLeast;
}

ordered_json bytes_of(std::string_view piece) {
  ordered_json bytes = ordered_json::array();
  for (const char byte : piece) bytes.push_back(static_cast<uint8_t>(byte));
  return bytes;
}

ordered_json token_and_bytes(const protocol::TokenLogprob& token) {
  return {{"token", sanitize_utf8(token.piece())},
          {"logprob", finite(token.logprob())},
          {"bytes", bytes_of(token.piece())}};
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const DecodedCharacter character = decode_utf8(text);
    if (!character.valid) return false;
    text.remove_prefix(character.length_bytes);
  }
  return true;
}

// "bytes:\xe2\x82" for a part of a character, so that two tokens never look alike.
std::string legacy_token(std::string_view piece) {
  if (is_utf8(piece)) return std::string(piece);
  std::string text = "bytes:";
  for (const char byte : piece) text += fmt::format("\\x{:02x}", static_cast<uint8_t>(byte));
  return text;
}

}  // namespace

void Usage::add(const protocol::Finished& finished) {
  if (finished.answer() == 0) {
    prompt_ += finished.n_prompt_tokens();
    cached_ += finished.n_cached_tokens();
  }
  generated_ += finished.n_generated_tokens();
  if (finished.has_n_thinking_tokens()) thinking_ = thinking_.value_or(0) + finished.n_thinking_tokens();
}

ordered_json Usage::completion() const {
  ordered_json usage = {{"prompt_tokens", prompt_},
                        {"completion_tokens", generated_},
                        {"total_tokens", prompt_ + generated_},
                        {"prompt_tokens_details", {{"cached_tokens", cached_}}}};
  usage["completion_tokens_details"] = ordered_json::object();
  if (thinking_) usage["completion_tokens_details"]["reasoning_tokens"] = *thinking_;
  return usage;
}

ordered_json Usage::response() const {
  return {{"input_tokens", prompt_},
          {"input_tokens_details", {{"cached_tokens", cached_}, {"cache_write_tokens", 0}}},
          {"output_tokens", generated_},
          {"output_tokens_details", {{"reasoning_tokens", thinking_.value_or(0)}}},
          {"total_tokens", prompt_ + generated_}};
}

ordered_json token_logprob(const protocol::TokenLogprob& token) {
  ordered_json value = token_and_bytes(token);
  ordered_json top = ordered_json::array();
  for (const protocol::TokenLogprob& other : token.top()) top.push_back(token_and_bytes(other));
  value["top_logprobs"] = std::move(top);
  return value;
}

void append_logprobs(ordered_json& content, const TokenLogprobs& tokens) {
  for (const protocol::TokenLogprob& token : tokens) content.push_back(token_logprob(token));
}

void LegacyLogprobs::append(const TokenLogprobs& tokens) {
  for (const protocol::TokenLogprob& token : tokens) {
    value_["tokens"].push_back(legacy_token(token.piece()));
    value_["token_logprobs"].push_back(finite(token.logprob()));
    ordered_json top = ordered_json::object();
    for (const protocol::TokenLogprob& other : token.top()) {
      top[legacy_token(other.piece())] = finite(other.logprob());
    }
    top[legacy_token(token.piece())] = finite(token.logprob());  // the chosen one is always among them
    value_["top_logprobs"].push_back(std::move(top));
    value_["text_offset"].push_back(offset_);
    offset_ += count_characters(token.piece());
  }
}

ordered_json LegacyLogprobs::take() {
  ordered_json taken = std::move(value_);
  clear();
  return taken;
}

void LegacyLogprobs::clear() {
  value_ = ordered_json::object();
  for (const char* name : {"tokens", "token_logprobs", "top_logprobs", "text_offset"}) {
    value_[name] = ordered_json::array();
  }
}

int64_t count_characters(std::string_view text) {
  // A character is counted where it begins, so that one in two tokens is counted once.
  constexpr uint8_t kContinuationMask = 0xC0;
  constexpr uint8_t kContinuation = 0x80;
  int64_t n = 0;
  for (const char byte : text) n += (static_cast<uint8_t>(byte) & kContinuationMask) != kContinuation ? 1 : 0;
  return n;
}

}  // namespace hearth::server::openai
