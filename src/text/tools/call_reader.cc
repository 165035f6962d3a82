#include "text/tools/call_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hearth::text {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kWhiteSpace = " \t\r\n";
}  // namespace

void Cursor::forget_read() {
  text_.erase(0, at_);
  at_ = 0;
}

bool Cursor::skip_space() {
  const size_t n = rest().find_first_not_of(kWhiteSpace);
  advance(std::min(n, rest().size()));
  return n != std::string_view::npos || ended_;
}

Cursor::Match Cursor::take(std::string_view literal) {
  const std::string_view here = rest();
  if (here.starts_with(literal)) {
    advance(literal.size());
    return Match::kYes;
  }
  return !ended_ && literal.starts_with(here) ? Match::kMore : Match::kNo;
}

Cursor::Match Cursor::take_end(std::string_view literal) {
  if (ended_ && !rest().empty() && literal.starts_with(rest())) {
    advance(rest().size());
    return Match::kYes;
  }
  return take(literal);
}

void append_part(std::vector<AnswerPart>& parts, AnswerPart::Kind kind, std::string_view text) {
  if (text.empty()) return;
  if (parts.empty() || parts.back().kind != kind) parts.push_back({kind, {}});
  parts.back().text += text;
}

void CallSink::begin(std::string name) {
  parts_->push_back({AnswerPart::Kind::kCall, std::move(name)});
  begun_ = true;
}

void CallSink::arguments(std::string_view json) {
  append_part(*parts_, AnswerPart::Kind::kArguments, json);
}

void CallSink::end() {
  parts_->push_back({AnswerPart::Kind::kCallEnd, {}});
}

Progress ArgumentsReader::read(Cursor& in, std::string& json) {
  if (form_ == Form::kUnknown) {
    if (!in.skip_space()) return Progress::kMore;
    if (in.rest().empty()) return Progress::kBroken;
    switch (in.rest().front()) {
      case '{':
        form_ = Form::kObject;
        break;
      case '"':
        form_ = Form::kString;
        break;
      default: {
        const Cursor::Match none = in.take("null");
        if (none == Cursor::Match::kYes) json += "{}";
        return none == Cursor::Match::kYes    ? Progress::kDone
               : none == Cursor::Match::kMore ? Progress::kMore
                                              : Progress::kBroken;
      }
    }
  }
  in.advance(scanner_.read(in.rest(), form_ == Form::kObject ? json : string_));
  if (scanner_.status() == JsonScanner::Status::kMore) return Progress::kMore;
  if (scanner_.status() == JsonScanner::Status::kMalformed) return Progress::kBroken;
  if (form_ == Form::kObject) return Progress::kDone;
  const auto inner = json_string_value(string_);
  std::string scanned;
  if (!inner || !is_json(*inner, scanned) || scanned[scanned.find_first_not_of(kWhiteSpace)] != '{') {
    return Progress::kBroken;
  }
  json += scanned;
  return Progress::kDone;
}

std::optional<std::string> json_string_value(std::string_view json) {
  const Json value = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!value.is_string()) return std::nullopt;
  return value.get<std::string>();
}

bool is_tool_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '-';
}

}  // namespace hearth::text
