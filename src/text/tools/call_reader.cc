#include "text/tools/call_reader.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hearth::text {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kWhiteSpace = " \t\r\n";
constexpr int kMaxReferences = 8;

// What `schema` admits, as far as its own words say: anything more particular is for the grammar to hold.
ArgumentTypes types_of(const Json& root, const Json& schema, int n_references) {
  ArgumentTypes types;
  if (!schema.is_object()) return types;
  const auto restrict = [&](const ArgumentTypes& to) {
    types.text &= to.text;
    types.other &= to.other;
  };
  const auto of_values = [](const Json& values) {
    ArgumentTypes found{false, false};
    for (const Json& value : values) (value.is_string() ? found.text : found.other) = true;
    return found;
  };
  if (const auto type = schema.find("type"); type != schema.end()) {
    const Json names = type->is_array() ? *type : Json::array({*type});
    ArgumentTypes found{false, false};
    for (const Json& name : names) (name == "string" ? found.text : found.other) = true;
    restrict(found);
  }
  if (const auto values = schema.find("enum"); values != schema.end() && values->is_array()) {
    restrict(of_values(*values));
  }
  if (const auto value = schema.find("const"); value != schema.end())
    restrict(of_values(Json::array({*value})));
  for (const char* keyword : {"anyOf", "oneOf"}) {
    const auto branches = schema.find(keyword);
    if (branches == schema.end() || !branches->is_array()) continue;
    ArgumentTypes found{false, false};
    for (const Json& branch : *branches) {
      const ArgumentTypes of_branch = types_of(root, branch, n_references + 1);
      found.text |= of_branch.text;
      found.other |= of_branch.other;
    }
    restrict(found);
  }
  const auto reference = schema.find("$ref");
  if (reference != schema.end() && reference->is_string() && n_references < kMaxReferences) {
    const auto& pointer = reference->get_ref<const std::string&>();
    for (const std::string_view place : {"#/$defs/", "#/definitions/"}) {
      if (!pointer.starts_with(place)) continue;
      const std::string where(place.substr(2, place.size() - 3));
      const auto definitions = root.find(where);
      if (definitions == root.end() || !definitions->is_object()) continue;
      const auto definition = definitions->find(pointer.substr(place.size()));
      if (definition != definitions->end()) restrict(types_of(root, *definition, n_references + 1));
    }
  }
  return types;
}

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

ArgumentTypes types_of_argument(const Json& schema) {
  return types_of(schema, schema, 0);
}

ToolTypes::ToolTypes(std::span<const Tool> tools) {
  for (const Tool& tool : tools) {
    auto& types = types_[tool.name];
    const Json schema = Json::parse(tool.parameters, nullptr, /*allow_exceptions=*/false);
    if (!schema.is_object()) continue;
    const auto properties = schema.find("properties");
    if (properties == schema.end() || !properties->is_object()) continue;
    for (const auto& [name, property] : properties->items()) types[name] = types_of(schema, property, 0);
  }
}

ArgumentTypes ToolTypes::of(std::string_view tool, std::string_view argument) const {
  const auto types = types_.find(tool);
  if (types == types_.end()) return {};
  const auto found = types->second.find(argument);
  return found == types->second.end() ? ArgumentTypes{} : found->second;
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
