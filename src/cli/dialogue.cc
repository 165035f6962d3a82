#include "cli/dialogue.h"

#include "cli/output.h"
#include "models/chat_format.h"

namespace hearth::cli {
namespace {

using text::TokenId;

// The conversation is rendered anew for each turn: templates may leave out what was thought in earlier ones.
// What is the same as before is in the prefix cache.
class Conversation final : public Dialogue {
 public:
  Conversation(text::ChatFormat format, const DialogueOptions& options, const text::Tokenizer& tokenizer)
      : format_(std::move(format)), switches_(options.switches), tokenizer_(tokenizer) {}

  Result<worker::Prompt> prompt_for(const History& history, std::string_view prompt) const override {
    std::vector<text::ChatMessage> messages;
    if (!history.system.empty()) messages.push_back({"system", history.system});
    messages.insert(messages.end(), history.messages.begin(), history.messages.end());
    messages.push_back({"user", std::string(prompt)});
    const text::Value context = text::conversation_context(messages, switches_);
    worker::Prompt made;
    HEARTH_ASSIGN(made.tokens, format_.encode(context));
    made.reasoning = text::find_reasoning_format(format_.source(), tokenizer_);
    if (made.reasoning) {
      HEARTH_ASSIGN(const std::string rendered, format_.render(context));
      made.begins_thinking = text::begins_thinking(*made.reasoning, rendered);
      made.visible_control_tokens = text::mark_tokens(*made.reasoning, tokenizer_);
    }
    return made;
  }

  std::optional<std::string> format_name() const override { return format_.name(); }

 private:
  text::ChatFormat format_;
  std::vector<std::pair<std::string, text::Value>> switches_;
  const text::Tokenizer& tokenizer_;
};

// One text, on which both write.
class SharedText final : public Dialogue {
 public:
  SharedText(const text::Tokenizer& tokenizer, bool parse_special)
      : tokenizer_(tokenizer), parse_special_(parse_special) {}

  Result<worker::Prompt> prompt_for(const History& history, std::string_view prompt) const override {
    text::EncodeOptions encode;
    encode.add_special = history.tokens.empty();
    encode.parse_special = parse_special_;
    worker::Prompt made;
    made.tokens = history.tokens;
    const std::vector<TokenId> added = tokenizer_.encode(prompt, encode);
    made.tokens.insert(made.tokens.end(), added.begin(), added.end());
    return made;
  }

  std::optional<std::string> format_name() const override { return std::nullopt; }

 private:
  const text::Tokenizer& tokenizer_;
  bool parse_special_;
};

Result<OpenedDialogue> open_conversation(text::ChatFormat format, const DialogueOptions& options,
                                         const text::Tokenizer& tokenizer, std::string note) {
  return OpenedDialogue{std::make_unique<Conversation>(std::move(format), options, tokenizer),
                        std::move(note)};
}

}  // namespace

void History::accept(std::string_view prompt, std::span<const TokenId> prompt_tokens, std::string_view answer,
                     std::span<const TokenId> answer_tokens) {
  messages.push_back({"user", std::string(prompt)});
  messages.push_back({"assistant", std::string(answer)});
  tokens.assign(prompt_tokens.begin(), prompt_tokens.end());
  tokens.insert(tokens.end(), answer_tokens.begin(), answer_tokens.end());
}

void History::clear() {
  messages.clear();
  tokens.clear();
}

Result<OpenedDialogue> open_dialogue(const DialogueOptions& options, const models::Checkpoint& checkpoint,
                                     const text::Tokenizer& tokenizer) {
  if (!options.template_file.empty()) {
    HEARTH_ASSIGN(const std::string source, read_text_file(options.template_file));
    HEARTH_ASSIGN(text::ChatFormat format,
                  text::ChatFormat::create(source, options.template_file, tokenizer));
    return open_conversation(std::move(format), options, tokenizer, "");
  }
  if (!options.raw) {
    auto found = models::load_chat_format(checkpoint, tokenizer, /*with_tools=*/false);
    if (!found)
      return found.error().in("the model's chat template (--template FILE uses another, --raw none)");
    if (*found) {
      const std::string& family = (*found)->known_as;
      std::string note = family.empty() ? ""
                                        : fmt::format(
                                              "The model has no chat template; its vocabulary is made for "
                                              "the {} format, which is used (--raw: none).",
                                              family);
      return open_conversation(std::move((*found)->format), options, tokenizer, std::move(note));
    }
  }
  if (!options.system.empty() || !options.switches.empty()) {
    return make_error(ErrorCode::kUsage,
                      "{}: --system and --chat-option need a chat template, and there is none "
                      "(--template FILE gives one)",
                      checkpoint.name());
  }
  return OpenedDialogue{std::make_unique<SharedText>(tokenizer, options.raw), ""};
}

}  // namespace hearth::cli
