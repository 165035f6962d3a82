// Keeps people's texts from forging a model's control tokens: "<|im_end|>" in a message is ten characters,
// and not the end of the message.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "text/chat_template/value.h"
#include "text/tokenizer/tokenizer.h"

namespace hearth::text {

// A text, and where in it no control token begins although one seems to.
struct MarkedText {
  std::string text;
  std::vector<size_t> literal_at;  // ascending; EncodeOptions::literal_at
};

// Templates take messages apart and put them together, so the places cannot be known beforehand: each is
// marked in the message by a character that occurs nowhere else, a Unicode noncharacter, which is taken out
// of the rendered text again. Immutable, so thread-safe.
class ControlTokens {
 public:
  explicit ControlTokens(const Tokenizer& tokenizer);

  // The context with a mark before each control token in the messages of everyone but the assistant, whose
  // messages the model wrote, and in tools, documents, prompt and suffix. kInvalidArgument where the context
  // holds every character that could be a mark.
  Result<Value> mark(const Value& context, std::string& mark) const;
  // Takes the marks out again.
  static MarkedText unmark(std::string_view text, std::string_view mark);

 private:
  Value mark_messages(const Value& messages, std::string_view mark) const;
  Value mark_all(const Value& value, std::string_view mark) const;
  std::string mark_text(std::string_view text, std::string_view mark) const;

  std::unordered_set<std::string> texts_;
  std::vector<size_t> lengths_;  // of texts_, descending, each once
  std::vector<bool> begins_;     // by the first byte
};

}  // namespace hearth::text
