#include "text/chat/literal_text.h"

#include <algorithm>

#include "base/utf8.h"

namespace hearth::text {
namespace {

constexpr char32_t kFirstNoncharacter = 0xFDD0;
constexpr char32_t kLastNoncharacter = 0xFDEF;

bool contains(const Value& value, std::string_view text) {
  switch (value.kind()) {
    case Value::Kind::kString:
      return value.as_string().find(text) != std::string_view::npos;
    case Value::Kind::kSequence:
      return std::any_of(value.items().begin(), value.items().end(),
                         [&](const Value& item) { return contains(item, text); });
    case Value::Kind::kDict:
      return std::any_of(
          value.dict_data().entries.begin(), value.dict_data().entries.end(),
          [&](const auto& entry) { return contains(entry.first, text) || contains(entry.second, text); });
    default:
      return false;
  }
}

// The value with `change` applied to the entries of a dict.
template <typename Change>
Value map_entries(const Value& dict, Change change) {
  std::vector<std::pair<std::string, Value>> entries;
  for (const auto& [key, value] : dict.dict_data().entries) {
    const std::string name(key.as_string());
    entries.emplace_back(name, change(name, value));
  }
  return Value::dict(std::move(entries));
}

template <typename Change>
Value map_items(const Value& list, Change change) {
  std::vector<Value> items;
  for (const Value& item : list.items()) items.push_back(change(item));
  return Value::list(std::move(items));
}

bool is_assistant(const Value& message) {
  if (!message.is_dict()) return false;
  const Value* role = message.dict_data().find("role");
  return role != nullptr && role->is_string() && role->as_string() == "assistant";
}

}  // namespace

ControlTokens::ControlTokens(const Tokenizer& tokenizer) : begins_(256, false) {
  for (TokenId id = 0; id < tokenizer.vocabulary_size(); ++id) {
    const TokenType type = tokenizer.token_type(id);
    if (type != TokenType::kControl && type != TokenType::kUnknown) continue;
    const std::string_view text = tokenizer.token_bytes(id, /*special=*/true);
    if (text.empty() || !texts_.emplace(text).second) continue;
    begins_[static_cast<unsigned char>(text.front())] = true;
    lengths_.push_back(text.size());
  }
  std::sort(lengths_.rbegin(), lengths_.rend());
  lengths_.erase(std::unique(lengths_.begin(), lengths_.end()), lengths_.end());
}

Result<Value> ControlTokens::mark(const Value& context, std::string& mark) const {
  for (char32_t c = kFirstNoncharacter; c <= kLastNoncharacter; ++c) {
    mark.clear();
    append_utf8(mark, c);
    if (contains(context, mark)) continue;
    return map_entries(context, [&](const std::string& key, const Value& value) {
      if (key == "messages") return mark_messages(value, mark);
      const bool is_of_people = key == "tools" || key == "documents" || key == "prompt" || key == "suffix";
      return is_of_people ? mark_all(value, mark) : value;
    });
  }
  return make_error(ErrorCode::kInvalidArgument,
                    "messages: expected text, found every one of Unicode's noncharacters U+FDD0 to U+FDEF");
}

Value ControlTokens::mark_messages(const Value& messages, std::string_view mark) const {
  if (!messages.is(Value::Kind::kSequence)) return messages;
  return map_items(messages, [&](const Value& message) {
    return is_assistant(message) ? message : mark_all(message, mark);
  });
}

Value ControlTokens::mark_all(const Value& value, std::string_view mark) const {
  const auto recurse = [&](const Value& part) { return mark_all(part, mark); };
  switch (value.kind()) {
    case Value::Kind::kString:
      return Value::string(mark_text(value.as_string(), mark));
    case Value::Kind::kSequence:
      return map_items(value, recurse);
    case Value::Kind::kDict:
      return map_entries(value, [&](const std::string&, const Value& part) { return recurse(part); });
    default:
      return value;
  }
}

std::string ControlTokens::mark_text(std::string_view text, std::string_view mark) const {
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size(); ++at) {
    const bool may_begin = begins_[static_cast<unsigned char>(text[at])];
    const bool begins =
        may_begin && std::any_of(lengths_.begin(), lengths_.end(), [&](size_t length) {
          return length <= text.size() - at && texts_.contains(std::string(text.substr(at, length)));
        });
    if (begins) out += mark;
    out += text[at];
  }
  return out;
}

MarkedText ControlTokens::unmark(std::string_view text, std::string_view mark) {
  MarkedText result;
  for (size_t at = 0; at < text.size();) {
    const size_t next = std::min(text.find(mark, at), text.size());
    result.text += text.substr(at, next - at);
    if (next < text.size()) result.literal_at.push_back(result.text.size());
    at = next + mark.size();
  }
  return result;
}

}  // namespace hearth::text
