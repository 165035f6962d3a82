// Arguments as literals that are not JSON's: Gemma's, with strings between marks, and Python's.
#include <utility>

#include "text/tools/named_reader.h"

namespace hearth::text {
namespace {

class LiteralsReader final : public BodyReader {
 public:
  LiteralsReader(const CallSyntax& syntax, std::string tool)
      : syntax_(syntax.literals), tool_(std::move(tool)) {}

  Progress read(Cursor& in, CallSink& out) override {
    if (!out.begun()) {
      out.begin(tool_);
      out.arguments("{");
    }
    std::string json;
    Progress progress = Progress::kMore;
    do {
      waits_ = false;
      progress = step(in, json);
    } while (progress == Progress::kMore && !waits_);
    out.arguments(json);
    if (progress == Progress::kDone) out.end();
    return progress;
  }

  void finish(Cursor& in, CallSink& out) override {
    if (expected_ != Expected::kInString) return;
    std::string json;
    append_json_escaped(json, in.rest());
    out.arguments(json);
    in.advance(in.rest().size());
  }

 private:
  enum class Expected { kKeyOrEnd, kKey, kColon, kValue, kItemOrEnd, kCommaOrEnd, kInString };

  Progress wait() {
    waits_ = true;
    return Progress::kMore;
  }

  Progress step(Cursor& in, std::string& json) {
    if (expected_ == Expected::kInString) return in_string(in, json);
    if (!in.skip_space()) return wait();
    if (in.rest().empty()) return Progress::kBroken;
    const char c = in.rest().front();
    const bool in_list = !open_.empty() && open_.back() == '[';
    switch (expected_) {
      case Expected::kKeyOrEnd:
      case Expected::kItemOrEnd:
        if (is_end(c)) return close(in, json);
        expected_ = expected_ == Expected::kKeyOrEnd ? Expected::kKey : Expected::kValue;
        return Progress::kMore;
      case Expected::kCommaOrEnd:
        if (is_end(c)) return close(in, json);
        if (c != ',') return Progress::kBroken;
        in.advance(1);
        json += ", ";
        expected_ = in_list ? Expected::kValue : Expected::kKey;
        return Progress::kMore;
      case Expected::kColon: {
        const Cursor::Match match = in.take(open_.empty() ? syntax_.key_end : ":");
        if (match == Cursor::Match::kMore) return wait();
        if (match == Cursor::Match::kNo) return Progress::kBroken;
        json += ": ";
        expected_ = Expected::kValue;
        return Progress::kMore;
      }
      case Expected::kKey:
        return key_or_value(in, json, /*is_key=*/true);
      case Expected::kValue:
        if (c != '{' && c != '[') return key_or_value(in, json, /*is_key=*/false);
        if (open_.size() == JsonScanner::kMaxDepth) return Progress::kBroken;
        in.advance(1);
        json += c;
        open_ += c;
        expected_ = c == '{' ? Expected::kKeyOrEnd : Expected::kItemOrEnd;
        return Progress::kMore;
      case Expected::kInString:
        break;
    }
    return Progress::kBroken;
  }

  bool is_end(char c) const {
    if (open_.empty()) return c == syntax_.end.front();
    return c == (open_.back() == '{' ? '}' : ']');
  }

  Progress close(Cursor& in, std::string& json) {
    in.advance(1);
    if (open_.empty()) {
      json += '}';
      return Progress::kDone;
    }
    json += open_.back() == '{' ? '}' : ']';
    open_.pop_back();
    expected_ = Expected::kCommaOrEnd;
    return Progress::kMore;
  }

  Progress key_or_value(Cursor& in, std::string& json, bool is_key) {
    is_key_ = is_key;
    if (const Cursor::Match match = take_quote(in); match != Cursor::Match::kNo) {
      if (match == Cursor::Match::kMore) return wait();
      json += '"';
      expected_ = Expected::kInString;
      return Progress::kMore;
    }
    const std::string_view rest = in.rest();
    const size_t n = rest.find_first_of(",:=(){}[]\"' \t\r\n<");
    if (n == std::string_view::npos && !in.ended())
      return rest.size() > kMaxWord ? Progress::kBroken : wait();
    if (n == 0 || n == std::string_view::npos) return Progress::kBroken;
    if (is_key) {
      json += '"';
      append_json_escaped(json, rest.substr(0, n));
      json += '"';
    } else {
      json += json_of_word(rest.substr(0, n));
    }
    in.advance(n);
    end_word();
    return Progress::kMore;
  }

  void end_word() { expected_ = is_key_ ? Expected::kColon : Expected::kCommaOrEnd; }

  Cursor::Match take_quote(Cursor& in) {
    if (!syntax_.quote.empty()) {
      quote_ = syntax_.quote;
      return in.take(quote_);
    }
    for (const std::string_view quote : {"'", "\""}) {
      quote_ = quote;
      if (in.take(quote) == Cursor::Match::kYes) return Cursor::Match::kYes;
    }
    return Cursor::Match::kNo;
  }

  Progress in_string(Cursor& in, std::string& json) {
    const std::string_view rest = in.rest();
    const size_t at = rest.find(quote_);
    const size_t escape = syntax_.quote.empty() ? rest.substr(0, at).find('\\') : std::string_view::npos;
    if (escape != std::string_view::npos) {
      append_json_escaped(json, rest.substr(0, escape));
      in.advance(escape);
      return escaped(in, json);
    }
    const bool whole = at != std::string_view::npos;
    const size_t n = whole ? at : rest.size() - held_for(rest, quote_);
    append_json_escaped(json, rest.substr(0, n));
    in.advance(whole ? n + quote_.size() : n);
    if (!whole) return wait();
    json += '"';
    end_word();
    return Progress::kMore;
  }

  // Python's escapes; those with digits that JSON has, too, stay as they are.
  Progress escaped(Cursor& in, std::string& json) {
    const std::string_view rest = in.rest();
    if (rest.size() < 2) return wait();
    size_t n = 2;
    switch (rest[1]) {
      case 'n':
        append_json_escaped(json, "\n");
        break;
      case 't':
        append_json_escaped(json, "\t");
        break;
      case 'r':
        append_json_escaped(json, "\r");
        break;
      case '\'':
      case '"':
      case '\\':
        append_json_escaped(json, rest.substr(1, 1));
        break;
      case 'u':
      case 'x': {
        n = rest[1] == 'u' ? 6 : 4;
        if (rest.size() < n && !in.ended()) return wait();
        const std::string_view digits = rest.substr(2, n - 2);
        if (digits.size() == n - 2 &&
            digits.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos) {
          json += n == 6 ? "\\u" : "\\u00";
          json += digits;
          break;
        }
        n = 2;
        [[fallthrough]];
      }
      default:
        append_json_escaped(json, rest.substr(0, 2));
    }
    in.advance(n);
    return Progress::kMore;
  }

  static constexpr size_t kMaxWord = 512;

  const LiteralsCarrier& syntax_;
  std::string tool_;
  Expected expected_ = Expected::kKeyOrEnd;
  bool waits_ = false;
  bool is_key_ = false;
  std::string_view quote_;  // of the string that is being read
  std::string open_;        // the brackets within the arguments, outermost first
};

}  // namespace

std::unique_ptr<BodyReader> make_literals_reader(const CallSyntax& syntax, std::string tool) {
  return std::make_unique<LiteralsReader>(syntax, std::move(tool));
}

}  // namespace hearth::text
