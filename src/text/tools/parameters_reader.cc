// Arguments that stand one by one between marks, as texts: <parameter=city>Paris</parameter>.
#include <utility>

#include "text/tools/named_reader.h"

namespace hearth::text {
namespace {

constexpr size_t kMaxKey = 512;
constexpr std::string_view kTypedText = " string=\"true\">";
constexpr std::string_view kTypedOther = " string=\"false\">";
constexpr std::string_view kBlank = " \t\r\n";

class ParametersReader final : public BodyReader {
 public:
  ParametersReader(const CallSyntax& syntax, const ToolTypes& types, std::string tool)
      : syntax_(syntax.parameters), types_(types), tool_(std::move(tool)) {}

  Progress read(Cursor& in, CallSink& out) override {
    for (;;) {
      const bool ends = expected_ == Expected::kKeyOrEnd;
      const Progress progress = step(in, out);
      if (progress != Progress::kDone) return progress;
      if (ends && expected_ == Expected::kKeyOrEnd) return Progress::kDone;
    }
  }

  void finish(Cursor& in, CallSink& out) override {
    if (expected_ != Expected::kValue) return;
    if (is_text_) {
      write_text(in.rest(), out);
    } else {
      out.arguments(value_);
      out.arguments(in.rest());
    }
    in.advance(in.rest().size());
  }

 private:
  enum class Expected { kKeyOrEnd, kKey, kValueBegin, kLineBreak, kValue };

  // kDone: one token was read.
  Progress step(Cursor& in, CallSink& out) {
    switch (expected_) {
      case Expected::kKeyOrEnd:
        return key_or_end(in, out);
      case Expected::kKey:
        return key(in, out);
      case Expected::kValueBegin:
        return value_begin(in, out);
      case Expected::kLineBreak:
        return line_break(in);
      case Expected::kValue:
        return value(in, out);
    }
    return Progress::kBroken;
  }

  void begin(CallSink& out) {
    if (out.begun()) return;
    out.begin(tool_);
    out.arguments("{");
  }

  Progress key_or_end(Cursor& in, CallSink& out) {
    if (!in.skip_space()) return Progress::kMore;
    if (in.ended() && is_cut(in.rest())) {
      in.advance(in.rest().size());
      return Progress::kMore;
    }
    const Cursor::Match next = in.take(syntax_.key_begin);
    if (next == Cursor::Match::kYes) {
      begin(out);
      expected_ = Expected::kKey;
      return Progress::kDone;
    }
    const Cursor::Match end = in.take(syntax_.end);
    if (end == Cursor::Match::kYes) {
      begin(out);
      out.arguments("}");
      out.end();
      return Progress::kDone;
    }
    const bool may_come = next == Cursor::Match::kMore || end == Cursor::Match::kMore;
    return may_come ? Progress::kMore : Progress::kBroken;
  }

  bool is_cut(std::string_view rest) const {
    return rest != syntax_.end && (syntax_.key_begin.starts_with(rest) || syntax_.end.starts_with(rest));
  }

  Progress key(Cursor& in, CallSink& out) {
    const size_t at = in.rest().substr(0, kMaxKey + syntax_.key_end.size()).find(syntax_.key_end);
    if (at == std::string_view::npos)
      return in.rest().size() >= kMaxKey ? Progress::kBroken : Progress::kMore;
    key_ = in.rest().substr(0, at);
    in.advance(at + syntax_.key_end.size());
    std::string json = std::exchange(any_, true) ? ", \"" : "\"";
    append_json_escaped(json, key_);
    out.arguments(json + "\": ");
    expected_ = Expected::kValueBegin;
    return Progress::kDone;
  }

  Progress value_begin(Cursor& in, CallSink& out) {
    if (syntax_.typed) {
      const Cursor::Match text = in.take(kTypedText);
      const Cursor::Match other = text == Cursor::Match::kYes ? Cursor::Match::kNo : in.take(kTypedOther);
      if (text == Cursor::Match::kMore || other == Cursor::Match::kMore) return Progress::kMore;
      if (text != Cursor::Match::kYes && other != Cursor::Match::kYes) return Progress::kBroken;
      is_text_ = text == Cursor::Match::kYes;
    } else {
      if (!syntax_.value_begin.empty()) {
        if (!in.skip_space()) return Progress::kMore;
        const Cursor::Match match = in.take(syntax_.value_begin);
        if (match == Cursor::Match::kMore) return Progress::kMore;
        if (match == Cursor::Match::kNo) return Progress::kBroken;
      }
      allowed_ = types_.of(tool_, key_);
      is_text_ = !allowed_.other();
    }
    if (is_text_) out.arguments("\"");
    value_.clear();
    expected_ = syntax_.lines ? Expected::kLineBreak : Expected::kValue;
    return Progress::kDone;
  }

  Progress line_break(Cursor& in) {
    if (in.take("\n") == Cursor::Match::kMore) return Progress::kMore;
    expected_ = Expected::kValue;
    return Progress::kDone;
  }

  Progress value(Cursor& in, CallSink& out) {
    const std::string_view rest = in.rest();
    const size_t at = rest.find(syntax_.value_end);
    const bool whole = at != std::string_view::npos;
    size_t n = whole ? at : rest.size() - held_for(rest, syntax_.value_end);
    if (syntax_.lines && n > 0 && rest[n - 1] == '\n') --n;
    if (is_text_) {
      write_text(rest.substr(0, n), out);
    } else {
      value_ += rest.substr(0, n);
    }
    in.advance(whole ? at + syntax_.value_end.size() : n);
    if (!whole) return Progress::kMore;
    out.arguments(is_text_ ? "\"" : json_of_value());
    expected_ = Expected::kKeyOrEnd;
    return Progress::kDone;
  }

  static void write_text(std::string_view text, CallSink& out) {
    std::string json;
    append_json_escaped(json, text);
    out.arguments(json);
  }

  // JSON where it is some of an allowed type, or such a word; otherwise the text, white space and all.
  std::string json_of_value() const {
    const size_t first = value_.find_first_not_of(kBlank);
    const size_t last = value_.find_last_not_of(kBlank);
    if (first != std::string::npos) {
      const std::string_view word = std::string_view(value_).substr(first, last - first + 1);
      if (word.front() == '"') {
        if (std::string scanned; is_json(word, scanned)) return scanned;
      } else if (std::string json = json_of_word(word);
                 json.front() != '"' && (!allowed_.text() || allowed_.contains(type_of(json)))) {
        return json;
      }
    }
    std::string json = "\"";
    append_json_escaped(json, value_);
    return json + '"';
  }

  static ArgumentTypes type_of(std::string_view json) {
    switch (json.front()) {
      case '{':
        return ArgumentTypes::named("object");
      case '[':
        return ArgumentTypes::named("array");
      case 't':
      case 'f':
        return ArgumentTypes::named("boolean");
      case 'n':
        return ArgumentTypes::named("null");
      default:
        return ArgumentTypes::named("number");
    }
  }

  const ParametersCarrier& syntax_;
  const ToolTypes& types_;
  std::string tool_;
  Expected expected_ = Expected::kKeyOrEnd;
  bool any_ = false;
  bool is_text_ = false;
  ArgumentTypes allowed_ = ArgumentTypes::all();
  std::string key_;
  std::string value_;  // as far as it came, of one that is no text
};

}  // namespace

std::unique_ptr<BodyReader> make_parameters_reader(const CallSyntax& syntax, const ToolTypes& types,
                                                   std::string tool) {
  return std::make_unique<ParametersReader>(syntax, types, std::move(tool));
}

}  // namespace hearth::text
