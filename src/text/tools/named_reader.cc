#include "text/tools/named_reader.h"

#include <algorithm>

namespace hearth::text {
namespace {

constexpr size_t kMaxFiller = 96;

constexpr std::string_view kBlanks = " \t\r\n";

// Whether something stands before its end.
bool has_text(const CallFiller& filler) {
  return filler.max > 0 ||
         std::any_of(filler.texts.begin(), filler.texts.end(), [](auto text) { return !text.empty(); });
}

class JsonReader final : public BodyReader {
 public:
  explicit JsonReader(std::string tool) : tool_(std::move(tool)) {}

  Progress read(Cursor& in, CallSink& out) override {
    std::string json;
    const Progress progress = arguments_.read(in, json);
    if (!json.empty()) {
      if (!out.begun()) out.begin(tool_);
      out.arguments(json);
    }
    if (progress == Progress::kDone) out.end();
    return progress;
  }

 private:
  std::string tool_;
  ArgumentsReader arguments_;
};

class NamedReader final : public CallReader {
 public:
  NamedReader(const CallSyntax& syntax, const ToolTypes& types) : syntax_(syntax), types_(types) {}

  Progress read(Cursor& in, CallSink& out) override {
    while (expected_ != Expected::kBody) {
      const Progress progress = head(in);
      if (progress != Progress::kDone) return progress;
    }
    if (!body_) body_ = make_body();
    return body_->read(in, out);
  }

  void finish(Cursor& in, CallSink& out) override {
    if (body_) body_->finish(in, out);
  }

 private:
  enum class Expected { kNameBegin, kName, kArgumentsBegin, kBody };

  Progress head(Cursor& in) {
    if (expected_ == Expected::kName) return name(in);
    const bool before = expected_ == Expected::kNameBegin;
    const Progress progress = before ? pass(in, syntax_.before_name, syntax_.name_begin)
                                     : pass(in, syntax_.after_name, syntax_.arguments_begin);
    if (progress == Progress::kDone) expected_ = before ? Expected::kName : Expected::kBody;
    return progress;
  }

  // What may stand before a mark, its end, and the mark: the cursor passes all of it at once.
  static Progress pass(Cursor& in, const CallFiller& filler, std::string_view mark) {
    if (mark.empty()) return Progress::kDone;
    size_t at = 0;
    if (has_text(filler)) {
      const std::string_view next = filler.end.empty() ? mark : filler.end;
      at = in.rest().substr(0, kMaxFiller + next.size()).find(next);
      if (at == std::string_view::npos) return more_unless(in, kMaxFiller + next.size());
    } else if (!in.skip_space()) {
      return Progress::kMore;
    }
    for (const std::string_view literal : {filler.end, mark}) {
      if (literal.empty()) continue;
      at = in.rest().find_first_not_of(kBlanks, at);
      if (at == std::string_view::npos) return more_unless(in, 2 * kMaxFiller);
      const std::string_view here = in.rest().substr(at);
      if (!here.starts_with(literal))
        return !in.ended() && literal.starts_with(here) ? Progress::kMore : Progress::kBroken;
      at += literal.size();
    }
    in.advance(at);
    return Progress::kDone;
  }

  // The rest may come, unless the answer has ended or so many bytes would have held it.
  static Progress more_unless(const Cursor& in, size_t n_bytes) {
    return in.ended() || in.rest().size() >= n_bytes ? Progress::kBroken : Progress::kMore;
  }

  Progress name(Cursor& in) {
    if (!in.skip_space()) return Progress::kMore;
    const std::string_view rest = in.rest();
    const size_t n = static_cast<size_t>(std::find_if_not(rest.begin(), rest.end(), is_tool_name_character) -
                                         rest.begin());
    if (n > kMaxToolName) return Progress::kBroken;
    if (n == rest.size() && !in.ended()) return Progress::kMore;
    if (n == 0) return Progress::kBroken;
    name_ = rest.substr(0, n);
    in.advance(n);
    expected_ = Expected::kArgumentsBegin;
    return Progress::kDone;
  }

  std::unique_ptr<BodyReader> make_body() {
    switch (syntax_.carrier) {
      case CallCarrier::kParameters:
        return make_parameters_reader(syntax_, types_, name_);
      case CallCarrier::kLiterals:
        return make_literals_reader(syntax_, name_);
      default:
        return std::make_unique<JsonReader>(name_);
    }
  }

  const CallSyntax& syntax_;
  const ToolTypes& types_;
  Expected expected_ = Expected::kNameBegin;
  std::string name_;
  std::unique_ptr<BodyReader> body_;
};

}  // namespace

std::unique_ptr<CallReader> make_named_reader(const CallSyntax& syntax, const ToolTypes& types) {
  return std::make_unique<NamedReader>(syntax, types);
}

std::string json_of_word(std::string_view word) {
  if (word == "True") return "true";
  if (word == "False") return "false";
  if (word == "None") return "null";
  std::string json;
  if (is_json(word, json)) return json;
  json = "\"";
  append_json_escaped(json, word);
  return json + '"';
}

size_t held_for(std::string_view text, std::string_view mark) {
  for (size_t n = std::min(mark.size() - 1, text.size()); n > 0; --n) {
    if (text.ends_with(mark.substr(0, n))) return n;
  }
  return 0;
}

}  // namespace hearth::text
