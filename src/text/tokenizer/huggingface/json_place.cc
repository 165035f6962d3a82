#include "text/tokenizer/huggingface/json_place.h"

#include <nlohmann/json.hpp>

#include "base/utf8.h"

namespace hearth::text {
namespace {

using nlohmann::json;

// Builds the document as the parser reports it, so that one that is too deep or too large is refused while it
// is read.
class LimitedBuilder : public nlohmann::json_sax<json> {
 public:
  explicit LimitedBuilder(json& root) : builder_(root, false) {}

  bool null() override { return count() && builder_.null(); }
  bool boolean(bool value) override { return count() && builder_.boolean(value); }
  bool number_integer(number_integer_t value) override { return count() && builder_.number_integer(value); }
  bool number_unsigned(number_unsigned_t value) override {
    return count() && builder_.number_unsigned(value);
  }
  bool number_float(number_float_t value, const string_t& digits) override {
    return count() && builder_.number_float(value, digits);
  }
  bool string(string_t& value) override { return count() && builder_.string(value); }
  bool binary(binary_t& /*value*/) override { return false; }
  bool start_object(size_t size) override { return open() && builder_.start_object(size); }
  bool key(string_t& value) override { return builder_.key(value); }
  bool end_object() override { return (--depth_, builder_.end_object()); }
  bool start_array(size_t size) override { return open() && builder_.start_array(size); }
  bool end_array() override { return (--depth_, builder_.end_array()); }
  bool parse_error(size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    error_.emplace(make_error(ErrorCode::kMalformed, "expected JSON, found none at byte {}", position));
    return false;
  }

  const std::optional<Error>& error() const { return error_; }

 private:
  bool open() {
    if (++depth_ <= kMaxJsonDepth) return count();
    error_.emplace(make_error(ErrorCode::kResourceExhausted,
                              "expected values nested at most {} deep, found more", kMaxJsonDepth));
    return false;
  }
  bool count() {
    if (++n_values_ <= kMaxJsonValues) return true;
    error_.emplace(
        make_error(ErrorCode::kResourceExhausted, "expected at most {} values, found more", kMaxJsonValues));
    return false;
  }

  nlohmann::detail::json_sax_dom_parser<json> builder_;
  size_t depth_ = 0;
  size_t n_values_ = 0;
  std::optional<Error> error_;
};

}  // namespace

Result<json> parse_json(std::string_view text, std::string_view file) {
  if (text.size() > kMaxJsonBytes) {
    return make_error(ErrorCode::kResourceExhausted, "{}: expected at most {} bytes, found {}", file,
                      kMaxJsonBytes, text.size());
  }
  json root;
  LimitedBuilder builder(root);
  if (json::sax_parse(text.begin(), text.end(), &builder)) return root;
  return builder.error() ? builder.error()->in(file)
                         : make_error(ErrorCode::kMalformed, "{}: expected JSON, found none", file);
}

std::string JsonPlace::shown() const {
  constexpr size_t kShown = 60;
  if (value_->is_object()) return "an object";
  if (value_->is_array()) return fmt::format("an array of {}", value_->size());
  const std::string text = value_->dump(-1, ' ', false, json::error_handler_t::replace);
  return text.size() > kShown ? sanitize_utf8(text.substr(0, kShown)) + "..." : text;
}

Error JsonPlace::malformed(std::string_view expected) const {
  return make_error(ErrorCode::kMalformed, "{}: expected {}, found {}", path_, expected, shown());
}

Error JsonPlace::unsupported(std::string_view expected) const {
  return make_error(ErrorCode::kUnsupported, "{}: expected {}, found {}", path_, expected, shown());
}

Result<std::optional<JsonPlace>> JsonPlace::find(std::string_view key) const {
  if (!value_->is_object()) return malformed("an object");
  const auto member = value_->find(key);
  if (member == value_->end() || member->is_null()) return std::optional<JsonPlace>();
  return std::optional<JsonPlace>(
      JsonPlace(*member, path_.empty() ? std::string(key) : fmt::format("{}.{}", path_, key)));
}

Result<JsonPlace> JsonPlace::at(std::string_view key) const {
  HEARTH_ASSIGN(auto member, find(key));
  if (member) return std::move(*member);
  return make_error(ErrorCode::kMalformed, "{}: expected a member \"{}\", found none", path_, key);
}

Result<std::vector<JsonPlace>> JsonPlace::elements() const {
  if (!value_->is_array()) return malformed("an array");
  std::vector<JsonPlace> all;
  all.reserve(value_->size());
  for (const json& element : *value_) all.emplace_back(element, fmt::format("{}[{}]", path_, all.size()));
  return all;
}

Result<std::string_view> JsonPlace::string() const {
  if (!value_->is_string()) return malformed("a string");
  return std::string_view(value_->get_ref<const std::string&>());
}

Result<int64_t> JsonPlace::integer() const {
  const bool fits = value_->is_number_integer() &&
                    (!value_->is_number_unsigned() || value_->get<uint64_t>() <= uint64_t{INT64_MAX});
  if (!fits) return malformed("an integer");
  return value_->get<int64_t>();
}

Result<double> JsonPlace::number() const {
  if (!value_->is_number()) return malformed("a number");
  return value_->get<double>();
}

Result<bool> JsonPlace::flag() const {
  if (!value_->is_boolean()) return malformed("true or false");
  return value_->get<bool>();
}

Result<std::string_view> JsonPlace::string_or(std::string_view key, std::string_view fallback) const {
  HEARTH_ASSIGN(const auto member, find(key));
  return member ? member->string() : Result<std::string_view>(fallback);
}

Result<int64_t> JsonPlace::integer_or(std::string_view key, int64_t fallback) const {
  HEARTH_ASSIGN(const auto member, find(key));
  return member ? member->integer() : Result<int64_t>(fallback);
}

Result<bool> JsonPlace::flag_or(std::string_view key, bool fallback) const {
  HEARTH_ASSIGN(const auto member, find(key));
  return member ? member->flag() : Result<bool>(fallback);
}

}  // namespace hearth::text
