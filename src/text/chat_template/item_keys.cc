#include "text/chat_template/item_keys.h"

#include <charconv>

#include "text/chat_template/unicode.h"

namespace hearth::text::jinja {

ItemKey::Path ItemKey::parse(std::string_view path) {
  Path parts;
  while (true) {
    const size_t dot = std::min(path.find('.'), path.size());
    const std::string_view part = path.substr(0, dot);
    int64_t index = 0;
    const auto parsed = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool is_index = !part.empty() && part.front() != '-' && parsed.ec == std::errc() &&
                          parsed.ptr == part.data() + part.size();
    parts.push_back(is_index ? Value::integer(index) : Value::string(std::string(part)));
    if (dot == path.size()) return parts;
    path.remove_prefix(dot + 1);
  }
}

Result<ItemKey> ItemKey::create(Runtime& runtime, std::string_view callee, const Value* attribute,
                                bool several) {
  ItemKey key;
  if (attribute == nullptr || attribute->is_none()) {
    key.paths_.emplace_back();
  } else if (attribute->is_integral()) {
    key.paths_.push_back({Value::integer(attribute->as_int())});
  } else if (attribute->is_string()) {
    HEARTH_TRY(runtime.budget().bytes(attribute->as_string().size()));
    std::string_view rest = attribute->as_string();
    for (size_t comma = 0; several && (comma = rest.find(',')) != rest.npos; rest.remove_prefix(comma + 1)) {
      key.paths_.push_back(parse(rest.substr(0, comma)));
    }
    key.paths_.push_back(parse(rest));
    key.several_ = key.paths_.size() > 1;
  } else {
    return template_error("{}: expected an attribute's name, found {}", callee, type_name(*attribute));
  }
  return key;
}

Result<Value> ItemKey::of(Runtime& runtime, const Value& item, const Value* fallback) const {
  std::vector<Value> found;
  for (const Path& path : paths_) {
    Value value = item;
    for (const Value& part : path) {
      HEARTH_TRY(runtime.budget().steps(1));
      HEARTH_ASSIGN(value, get_item(runtime, value, part));
      if (value.is_undefined() && fallback != nullptr) value = *fallback;
    }
    found.push_back(std::move(value));
  }
  if (!several_) return std::move(found.front());
  return runtime.sequence(std::move(found));
}

Result<Value> ItemKey::sort_key(Runtime& runtime, const Value& item, bool ignores_case) const {
  HEARTH_ASSIGN(Value key, of(runtime, item));
  const auto lowered = [&](const Value& value) -> Result<Value> {
    if (!value.is_string()) return value;
    HEARTH_TRY(runtime.budget().characters(value.as_string().size()));
    return runtime.text(to_lower(value.as_string()));
  };
  if (!ignores_case) return key;
  if (!several_) return lowered(key);
  std::vector<Value> keys;
  for (const Value& each : key.items()) {
    HEARTH_ASSIGN(Value low, lowered(each));
    keys.push_back(std::move(low));
  }
  return runtime.sequence(std::move(keys));
}

}  // namespace hearth::text::jinja
