#include "text/chat/reasoning.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

namespace hearth::text {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

// What a template must contain for a format, and the marks of the format. The frame's marks count where the
// template contains them. Where several fit, the first one counts.
struct KnownReasoning {
  std::string_view evidence;
  std::string_view open;
  std::string_view close;
  bool open_anywhere;
  std::array<std::string_view, 6> frame;
};

// None of a format's marks is a part of another.
constexpr std::array kKnown{
    // Harmony: every message names its channel, and one to the user may come before a tool is called.
    KnownReasoning{"<|channel|>analysis",
                   "<|channel|>analysis<|message|>",
                   "<|end|>",
                   true,
                   {"<|start|>assistant", "<|channel|>final<|message|>", "<|channel|>commentary<|message|>",
                    "<|return|>"}},
    KnownReasoning{"<|channel>thought", "<|channel>thought", "<channel|>", true, {}},
    KnownReasoning{
        "<|begin|>assistant<|think|>", "<|think|>", "<|end|>", true, {"<|begin|>assistant", "<|content|>"}},
    KnownReasoning{"<|END_THINKING|>",
                   "<|START_THINKING|>",
                   "<|END_THINKING|>",
                   true,
                   {"<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>"}},
    KnownReasoning{"<|inner_prefix|>", "<|inner_prefix|>", "<|inner_suffix|>", true, {}},
    KnownReasoning{"[/THINK]", "[THINK]", "[/THINK]", true, {}},
    KnownReasoning{"</seed:think>", "<seed:think>", "</seed:think>", false, {}},
    KnownReasoning{"[BEGIN FINAL RESPONSE]",
                   "Here are my reasoning steps:",
                   "[BEGIN FINAL RESPONSE]",
                   false,
                   {"[END FINAL RESPONSE]"}},
    KnownReasoning{
        "</think>", "<think>", "</think>", false, {"<response>", "</response>", "<answer>", "</answer>"}},
    KnownReasoning{"</thinking>", "<thinking>", "</thinking>", false, {}},
};

ReasoningFormat format_of(const KnownReasoning& known, std::string_view template_source) {
  ReasoningFormat format{std::string(known.open), std::string(known.close), {}, known.open_anywhere};
  for (const std::string_view mark : known.frame) {
    if (!mark.empty() && template_source.find(mark) != std::string_view::npos)
      format.frame.emplace_back(mark);
  }
  return format;
}

bool is_special(TokenType type) {
  return type == TokenType::kControl || type == TokenType::kUserDefined;
}

}  // namespace

std::optional<ReasoningFormat> find_reasoning_format(std::string_view template_source) {
  for (const KnownReasoning& known : kKnown) {
    if (template_source.find(known.evidence) != std::string_view::npos)
      return format_of(known, template_source);
  }
  return std::nullopt;
}

std::optional<ReasoningFormat> find_reasoning_format(std::string_view template_source,
                                                     const Tokenizer& tokenizer) {
  if (auto format = find_reasoning_format(template_source)) return format;
  std::set<std::string_view> special;
  for (TokenId id = 0; id < tokenizer.vocabulary_size(); ++id) {
    if (is_special(tokenizer.token_type(id))) special.insert(tokenizer.token_bytes(id, /*special=*/true));
  }
  for (const KnownReasoning& known : kKnown) {
    if (special.contains(known.open) && special.contains(known.close))
      return format_of(known, template_source);
  }
  return std::nullopt;
}

std::vector<TokenId> mark_tokens(const ReasoningFormat& format, const Tokenizer& tokenizer) {
  std::vector<std::string_view> marks{format.open, format.close};
  marks.insert(marks.end(), format.frame.begin(), format.frame.end());
  std::vector<TokenId> tokens;
  for (TokenId id = 0; id < tokenizer.vocabulary_size(); ++id) {
    if (tokenizer.token_type(id) != TokenType::kControl) continue;
    const std::string_view name = tokenizer.token_bytes(id, /*special=*/true);
    const auto is_in = [&](std::string_view mark) { return mark.find(name) != std::string_view::npos; };
    if (!name.empty() && std::any_of(marks.begin(), marks.end(), is_in)) tokens.push_back(id);
  }
  return tokens;
}

bool begins_thinking(const ReasoningFormat& format, std::string_view rendered_prompt) {
  const size_t last = rendered_prompt.find_last_not_of(kSpace);
  return last != std::string_view::npos && rendered_prompt.substr(0, last + 1).ends_with(format.open);
}

ReasoningParser::ReasoningParser(ReasoningFormat format, bool thinking)
    : format_(std::move(format)), thinking_(thinking), skips_space_(thinking) {}

std::vector<ReasoningParser::Piece> ReasoningParser::push(std::string_view text) {
  held_ += text;
  std::vector<Piece> pieces;
  while (const auto found = find_mark()) {
    const size_t end = found->at + found->mark.size();
    write(held_.substr(0, found->at), pieces);
    pass(found->kind, pieces);
    held_.erase(0, end);
  }
  const size_t certain = n_certain();
  write(held_.substr(0, certain), pieces);
  held_.erase(0, certain);
  return pieces;
}

std::vector<ReasoningParser::Piece> ReasoningParser::finish() {
  std::vector<Piece> pieces;
  write(std::exchange(held_, {}), pieces);
  if (!thinking_) append(space_, pieces);
  space_.clear();
  return pieces;
}

// The marks that count here: visit(mark, kind).
template <typename Visit>
void ReasoningParser::visit_marks(const Visit& visit) const {
  visit(std::string_view(format_.open), Mark::kOpen);
  // Where control tokens are the marks, the end of a message is one after the thinking too.
  if (thinking_ || format_.open_anywhere) visit(std::string_view(format_.close), Mark::kClose);
  if (thinking_) return;
  for (const std::string& mark : format_.frame) visit(std::string_view(mark), Mark::kFrame);
}

std::optional<ReasoningParser::Found> ReasoningParser::find_mark() const {
  std::optional<Found> first;
  visit_marks([&](std::string_view mark, Mark kind) {
    const size_t at = held_.find(mark);
    if (at == std::string::npos || (first && first->at <= at)) return;
    if (kind == Mark::kOpen && !may_open_at(at)) return;
    first = Found{at, mark, kind};
  });
  return first;
}

bool ReasoningParser::may_open_at(size_t at) const {
  if (format_.open_anywhere) return true;
  return at_start_ &&
         std::string_view(held_).substr(0, at).find_first_not_of(kSpace) == std::string_view::npos;
}

// How much of what is held cannot become a part of a mark.
size_t ReasoningParser::n_certain() const {
  size_t keep = 0;
  const std::string_view held = held_;
  visit_marks([&](std::string_view mark, Mark kind) {
    for (size_t n = std::min(mark.size() - 1, held.size()); n > keep; --n) {
      if (kind == Mark::kOpen && !may_open_at(held.size() - n)) continue;
      if (held.ends_with(mark.substr(0, n))) keep = n;
    }
  });
  return held.size() - keep;
}

// White space at the end waits for what follows.
void ReasoningParser::write(std::string_view text, std::vector<Piece>& pieces) {
  if (skips_space_) text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size()));
  if (text.empty()) return;
  skips_space_ = false;
  const size_t last = text.find_last_not_of(kSpace);
  if (last == std::string_view::npos) {
    space_ += text;
    return;
  }
  append(std::exchange(space_, std::string(text.substr(last + 1))), pieces);
  append(text.substr(0, last + 1), pieces);
  at_start_ = false;
  anything_ |= !thinking_;
}

void ReasoningParser::append(std::string_view text, std::vector<Piece>& pieces) const {
  if (text.empty()) return;
  const Kind kind = thinking_ ? Kind::kThinking : Kind::kContent;
  if (pieces.empty() || pieces.back().kind != kind) pieces.push_back({kind, {}});
  pieces.back().text += text;
}

void ReasoningParser::pass(Mark mark, std::vector<Piece>& pieces) {
  // Between two parts of an answer it may be all that keeps their words apart.
  if (!thinking_ && anything_ && mark == Mark::kOpen) append(space_, pieces);
  space_.clear();
  if (mark != Mark::kFrame) thinking_ = mark == Mark::kOpen;
  at_start_ = true;
  skips_space_ = true;
}

}  // namespace hearth::text
