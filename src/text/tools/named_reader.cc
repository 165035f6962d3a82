#include "text/tools/named_reader.h"

#include <algorithm>

namespace hearth::text {
namespace {

constexpr size_t kMaxFiller = 96;

bool is_empty(const CallFiller& filler) {
  return filler.max == 0 &&
         std::all_of(filler.texts.begin(), filler.texts.end(), [](auto text) { return text.empty(); });
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

  // What may stand before a mark, and the mark.
  static Progress pass(Cursor& in, const CallFiller& filler, std::string_view mark) {
    if (mark.empty()) return Progress::kDone;
    if (is_empty(filler)) {
      if (!in.skip_space()) return Progress::kMore;
      const Cursor::Match match = in.take(mark);
      return match == Cursor::Match::kYes    ? Progress::kDone
             : match == Cursor::Match::kMore ? Progress::kMore
                                             : Progress::kBroken;
    }
    const size_t at = in.rest().substr(0, kMaxFiller + mark.size()).find(mark);
    if (at == std::string_view::npos) {
      return in.ended() || in.rest().size() >= kMaxFiller + mark.size() ? Progress::kBroken : Progress::kMore;
    }
    in.advance(at + mark.size());
    return Progress::kDone;
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
