#include "base/json_text.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/excerpt.h"

namespace hearth {
namespace {

// Refuses what a document made of the text would hide or fall over: keys that occur twice, of which it keeps
// one, and depth.
class Guard : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return true; }
  bool boolean(bool /*value*/) override { return true; }
  bool number_integer(number_integer_t /*value*/) override { return true; }
  bool number_unsigned(number_unsigned_t /*value*/) override { return true; }
  bool number_float(number_float_t /*value*/, const string_t& /*digits*/) override { return true; }
  bool string(string_t& /*value*/) override { return true; }
  bool binary(binary_t& /*value*/) override { return true; }
  bool start_object(size_t /*size*/) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(size_t /*size*/) override { return open(); }
  bool end_array() override { return close(); }
  bool key(string_t& value) override {
    if (keys_.back().insert(value).second) return true;
    error_.emplace(make_error(ErrorCode::kMalformed, "JSON: key {}: expected once, found it again",
                              quoted_excerpt(value)));
    return false;
  }
  bool parse_error(size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    error_.emplace(
        make_error(ErrorCode::kMalformed, "JSON: byte {}: {}", position, excerpt(error.what(), 200)));
    return false;
  }
  const std::optional<Error>& error() const noexcept { return error_; }

 private:
  bool open() {
    if (keys_.size() == kMaxJsonDepth) {
      error_.emplace(make_error(ErrorCode::kResourceExhausted,
                                "JSON: expected at most {} levels of nesting, found more", kMaxJsonDepth));
      return false;
    }
    keys_.emplace_back();
    return true;
  }
  bool close() {
    keys_.pop_back();
    return true;
  }

  std::vector<std::set<std::string>> keys_;  // of the objects that are open; of arrays empty
  std::optional<Error> error_;
};

}  // namespace

Result<nlohmann::json> parse_json(std::string_view text) {
  // The parser takes a zero for the end of the text.
  if (const size_t zero = text.find('\0'); zero != std::string_view::npos) {
    return make_error(ErrorCode::kMalformed, "JSON: byte {}: expected text, found a zero", zero);
  }
  Guard guard;
  nlohmann::json::sax_parse(text.begin(), text.end(), &guard);
  if (guard.error()) return *guard.error();
  return nlohmann::json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
}

}  // namespace hearth
