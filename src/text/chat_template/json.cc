// JSON in and out of templates.
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "text/chat_template/limits.h"
#include "text/chat_template/representation.h"
#include "text/chat_template/value.h"

namespace hearth::text {
namespace {

// Builds values as the parser reports them, so that text nested too deep is refused while it is read.
class ValueBuilder : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return add(Value()); }
  bool boolean(bool value) override { return add(Value::boolean(value)); }
  bool number_integer(number_integer_t value) override { return add(Value::integer(value)); }
  bool number_unsigned(number_unsigned_t value) override {
    return add(value <= INT64_MAX ? Value::integer(static_cast<int64_t>(value))
                                  : Value::real(static_cast<double>(value)));
  }
  bool number_float(number_float_t value, const string_t& /*digits*/) override {
    return add(Value::real(value));
  }
  bool string(string_t& value) override { return add(Value::string(std::move(value))); }
  bool binary(binary_t& /*value*/) override { return false; }
  bool start_object(size_t /*size*/) override { return open(); }
  bool key(string_t& value) override { return (open_.back().keys.push_back(std::move(value)), true); }
  bool end_object() override {
    Container done = close();
    std::vector<std::pair<std::string, Value>> entries;
    entries.reserve(done.keys.size());
    for (size_t i = 0; i < done.keys.size(); ++i) {
      entries.emplace_back(std::move(done.keys[i]), std::move(done.values[i]));
    }
    return add(Value::dict(std::move(entries)));
  }
  bool start_array(size_t /*size*/) override { return open(); }
  bool end_array() override { return add(Value::list(close().values)); }
  bool parse_error(size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    error_.emplace(make_error(ErrorCode::kMalformed, "JSON: byte {}: {}", position, error.what()));
    return false;
  }

  Result<Value> result() {
    if (error_) return *error_;
    return std::move(root_);
  }

 private:
  struct Container {
    std::vector<std::string> keys;
    std::vector<Value> values;
  };

  bool open() {
    if (open_.size() >= jinja::kMaxDepth) {
      error_.emplace(
          make_error(ErrorCode::kResourceExhausted, "JSON: nested more than {} deep", jinja::kMaxDepth));
      return false;
    }
    open_.emplace_back();
    return true;
  }

  Container close() {
    Container done = std::move(open_.back());
    open_.pop_back();
    return done;
  }

  bool add(Value value) {
    (open_.empty() ? root_ : open_.back().values.emplace_back()) = std::move(value);
    return true;
  }

  std::vector<Container> open_;
  Value root_;
  std::optional<Error> error_;
};

}  // namespace

Result<Value> value_from_json(std::string_view json) {
  ValueBuilder builder;
  nlohmann::json::sax_parse(json.begin(), json.end(), &builder);
  return builder.result();
}

namespace jinja {
namespace {

class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, const JsonStyle& style, std::string& out)
      : runtime_(runtime), style_(style), out_(out) {}

  Result<void> write(const Value& value, size_t level);

 private:
  void write_string(std::string_view text);
  void write_float(double value);
  Result<void> write_key(const Value& key);
  Result<void> write_list(const std::vector<Value>& items, size_t level);
  Result<void> write_dict(const DictData& dict, size_t level);
  Result<void> new_line(size_t level);

  Runtime& runtime_;
  const JsonStyle& style_;
  std::string& out_;
};

Result<void> JsonWriter::write(const Value& value, size_t level) {
  HEARTH_TRY(runtime_.budget().steps(1));
  HEARTH_TRY(runtime_.budget().bytes(style_.item_separator.size() + style_.key_separator.size() + 8));
  switch (value.kind()) {
    case Value::Kind::kNone:
      out_ += "null";
      return {};
    case Value::Kind::kBool:
      out_ += value.as_bool() ? "true" : "false";
      return {};
    case Value::Kind::kInt:
      out_ += fmt::format("{}", value.as_int());
      return {};
    case Value::Kind::kFloat:
      write_float(value.as_float());
      return {};
    case Value::Kind::kString:
      HEARTH_TRY(runtime_.budget().characters(value.as_string().size()));
      write_string(value.as_string());
      return {};
    case Value::Kind::kDict:
      return write_dict(value.dict_data(), level);
    case Value::Kind::kSequence:
      if (!value.sequence().is_view()) return write_list(value.items(), level);
      break;
    default:
      break;
  }
  return template_error("tojson: an object of type {} has no JSON", type_name(value));
}

Result<void> JsonWriter::new_line(size_t level) {
  if (!style_.indent) return {};
  HEARTH_TRY(runtime_.budget().bytes(1 + level * style_.indent->size()));
  out_.push_back('\n');
  for (size_t i = 0; i < level; ++i) out_ += *style_.indent;
  return {};
}

Result<void> JsonWriter::write_list(const std::vector<Value>& items, size_t level) {
  out_.push_back('[');
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out_ += style_.item_separator;
    HEARTH_TRY(new_line(level + 1));
    HEARTH_TRY(write(items[i], level + 1));
  }
  if (!items.empty()) HEARTH_TRY(new_line(level));
  out_.push_back(']');
  return {};
}

Result<void> JsonWriter::write_dict(const DictData& dict, size_t level) {
  out_.push_back('{');
  for (size_t i = 0; i < dict.entries.size(); ++i) {
    const auto& [key, value] = dict.entries[style_.sort_keys ? dict.by_key[i] : i];
    if (i > 0) out_ += style_.item_separator;
    HEARTH_TRY(new_line(level + 1));
    HEARTH_TRY(write_key(key));
    out_ += style_.key_separator;
    HEARTH_TRY(write(value, level + 1));
  }
  if (!dict.entries.empty()) HEARTH_TRY(new_line(level));
  out_.push_back('}');
  return {};
}

Result<void> JsonWriter::write_key(const Value& key) {
  if (is_tuple(key)) return template_error("tojson: a dict's key is a tuple");
  if (key.is_string()) return write(key, 0);
  out_.push_back('"');
  HEARTH_TRY(write(key, 0));
  out_.push_back('"');
  return {};
}

void JsonWriter::write_float(double value) {
  if (std::isnan(value)) {
    out_ += "NaN";
  } else if (std::isinf(value)) {
    out_ += value < 0 ? "-Infinity" : "Infinity";
  } else {
    out_ += float_text(value);
  }
}

void append_utf16_escape(std::string& out, char32_t c) {
  if (c < 0x10000) {
    out += fmt::format("\\u{:04x}", static_cast<uint32_t>(c));
    return;
  }
  const uint32_t rest = static_cast<uint32_t>(c) - 0x10000;
  out += fmt::format("\\u{:04x}\\u{:04x}", 0xD800 + (rest >> 10), 0xDC00 + (rest & 0x3FF));
}

void JsonWriter::write_string(std::string_view text) {
  static constexpr std::string_view kEscaped = "\"\\\n\r\t\f\b";
  static constexpr std::string_view kLetters = "\"\\nrtfb";
  out_.push_back('"');
  while (!text.empty()) {
    const DecodedCharacter c = decode_utf8(text);
    if (const size_t at = kEscaped.find(text.front()); at != kEscaped.npos) {
      out_.push_back('\\');
      out_.push_back(kLetters[at]);
    } else if (c.code_point < 0x20 || (style_.ensure_ascii && c.code_point >= 0x7F)) {
      append_utf16_escape(out_, c.code_point);
    } else {
      out_.append(text.substr(0, c.length_bytes));
    }
    text.remove_prefix(c.length_bytes);
  }
  out_.push_back('"');
}

}  // namespace

Result<std::string> to_json(Runtime& runtime, const Value& value, const JsonStyle& style) {
  std::string out;
  HEARTH_TRY(JsonWriter(runtime, style, out).write(value, 0));
  return out;
}

}  // namespace jinja
}  // namespace hearth::text
