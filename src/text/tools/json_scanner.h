// One JSON value, read as it comes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::text {

// Checks a value (RFC 8259) byte by byte, whatever pieces it comes in. Two liberties, since models write
// this: control characters within strings are escaped in what is passed on, and UTF-8 is not checked. Not
// thread-safe.
class JsonScanner {
 public:
  enum class Status { kMore, kWhole, kMalformed };
  static constexpr size_t kMaxDepth = 200;

  // Reads as much of `text` as belongs to the value, appends it to `out`, and returns how many bytes it was.
  // Where the value is malformed, what was well-formed before is read. White space before the value belongs
  // to it.
  size_t read(std::string_view text, std::string& out);
  // Nothing more comes: a number may be whole now.
  Status finish();
  Status status() const noexcept { return status_; }

 private:
  enum class Expected : uint8_t {
    kValue,
    kItemOrEnd,  // after [
    kKeyOrEnd,   // after {
    kKey,
    kColon,
    kCommaOrEnd,
    kInString,
    kEscaped,
    kHexDigit,
    kInNumber,
    kInWord,  // true, false, null
  };
  enum class Number : uint8_t { kMinus, kZero, kInteger, kPoint, kFraction, kExponent, kSign, kPower };

  bool take(char c, std::string& out);
  bool begin_value(char c);
  bool open(char c);
  bool close(char c);
  void end_value();
  bool in_string(char c, std::string& out);
  bool in_number(char c);
  bool number_is_whole() const;

  Status status_ = Status::kMore;
  Expected expected_ = Expected::kValue;
  Number number_ = Number::kMinus;
  bool is_key_ = false;  // the string that is being read
  int n_hex_digits_ = 0;
  std::string_view word_;  // what is left of it
  std::string open_;       // the brackets, outermost first
};

// Whether `text` is one JSON value, which `scanned` becomes.
bool is_json(std::string_view text, std::string& scanned);

// Appends `text` as the inside of a JSON string.
void append_json_escaped(std::string& out, std::string_view text);

}  // namespace hearth::text
