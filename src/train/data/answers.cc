#include "train/data/answers.h"

#include <string>

namespace hearth::train {
namespace {

using text::ByteRange;
using text::Value;

Value context_of(std::span<const text::ChatMessage> messages, bool asks) {
  const std::pair<std::string, Value> switches[] = {{"add_generation_prompt", Value::boolean(asks)}};
  return text::conversation_context(messages, switches);
}

// In `whole`, which is the text of all messages.
Result<std::vector<ByteRange>> find_answers(const text::ChatFormat& format, const std::string& whole,
                                            std::span<const text::ChatMessage> messages) {
  std::vector<ByteRange> answers;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role != "assistant") continue;
    HEARTH_ASSIGN(const std::string asked, format.render(context_of(messages.first(i), /*asks=*/true)));
    HEARTH_ASSIGN(const std::string answered,
                  format.render(context_of(messages.first(i + 1), /*asks=*/false)));
    if (!whole.starts_with(asked) || !whole.starts_with(answered) || answered.size() < asked.size()) {
      return make_error(
          ErrorCode::kUnsupported,
          "messages[{}]: expected a chat template ({}) that writes an answer behind the text that "
          "asks for it and leaves it as it is afterwards, found another",
          i, format.name());
    }
    answers.push_back({asked.size(), answered.size()});
  }
  return answers;
}

}  // namespace

Result<WrittenConversation> write_conversation(const text::ChatFormat& format,
                                               const text::Tokenizer& tokenizer,
                                               std::span<const text::ChatMessage> messages) {
  const Value context = context_of(messages, /*asks=*/false);
  HEARTH_ASSIGN(const std::string whole, format.render(context));
  HEARTH_ASSIGN(const std::vector<ByteRange> answers, find_answers(format, whole, messages));
  WrittenConversation written;
  HEARTH_ASSIGN(written.tokens, format.encode(context));
  written.is_answer.resize(written.tokens.size());

  size_t next = 0;  // answer
  size_t at = 0;    // byte of the text
  for (size_t i = 0; i < written.tokens.size(); ++i) {
    std::string_view bytes = tokenizer.token_bytes(written.tokens[i], /*special=*/true);
    const std::string_view rest = std::string_view(whole).substr(at);
    if (!rest.starts_with(bytes)) {
      // What the vocabulary adds: BOS, or a space before the first word.
      if (i == 0 && written.tokens[i] == tokenizer.bos()) continue;
      if (tokenizer.adds_space_prefix() && bytes.starts_with(' ')) bytes.remove_prefix(1);
    }
    if (!rest.starts_with(bytes)) {
      return make_error(ErrorCode::kUnsupported,
                        "byte {} of the conversation: expected the token \"{}\", found \"{}\"", at, bytes,
                        rest.substr(0, bytes.size()));
    }
    while (next < answers.size() && at >= answers[next].end) ++next;
    const bool within = next < answers.size() && at >= answers[next].begin && !bytes.empty();
    written.is_answer[i] = within;
    at += bytes.size();
    // What the format writes behind an answer's end (a line's), the engine does not wait for.
    if (within && tokenizer.ends_generation(written.tokens[i])) ++next;
  }
  return written;
}

}  // namespace hearth::train
