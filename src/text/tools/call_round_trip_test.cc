// What a grammar lets a model write is read back as what it says: of any tool, in any syntax.
//
// There are two ways round. Arguments are written by a template that writes calls, accepted by the grammar
// and read back the same. And an answer is drawn from the grammar byte by byte, read, found valid, written by
// the template and read again.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "text/tools/call_grammar_fixture.h"
#include "text/tools/call_syntax.h"

namespace hearth::text {
namespace {

using call_grammars::Calls;
using call_grammars::TemplateUnderTest;
using grammar::GrammarUnderTest;
using grammar::SetId;
using grammar::StateSets;
using template_calls::Case;
using template_calls::Json;

// What breaks out of strings, or out of something in which they stand.
constexpr std::array<std::string_view, 27> kFragments{
    "\"", "\\",   "\\\\", "\\\"", "\\n", "\n", "\t", "é",    "São", "🙂", "\u2028", "</",    "'",   "\\'",
    "<|", "``` ", "]}",   "{",    "}",   ",",  ":",  "True", " ",   "12",   "</b>",   ">>> f", "\r\n"};

class Random {
 public:
  explicit Random(uint32_t seed) : engine_(seed) {}
  size_t below(size_t n) { return engine_() % n; }
  template <typename Range>
  const auto& of(const Range& range) {
    return range[below(range.size())];
  }

 private:
  std::mt19937 engine_;  // the same numbers everywhere
};

// --- Tools and their arguments

Json random_property(Random& random) {
  static const Json kSchemas = Json::parse(R"([
      {"type": "string"},
      {"enum": ["plain", "it's \"quoted\"", "C:\\new", "a\nb", "São 🙂", "</b>"]},
      {"type": "integer"}, {"type": "number"}, {"type": "boolean"}, {"type": "null"},
      {"type": "array", "items": {"type": "string"}},
      {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
      {"type": "object", "properties": {"k": {"type": "string"}, "n": {"type": "integer"}}, "required": ["k"],
       "additionalProperties": false},
      {"type": "object", "additionalProperties": {"type": "string"}},
      {"type": ["string", "null"]}])");
  return random.of(kSchemas);
}

Json random_schema(Random& random, bool knows_null) {
  Json schema{{"type", "object"},
              {"properties", Json::object()},
              {"required", Json::array()},
              {"additionalProperties", false}};
  const size_t n = 1 + random.below(4);
  for (size_t i = 0; i < n; ++i) {
    const std::string name = std::string(1, static_cast<char>('a' + i)) + (random.below(2) == 0 ? "" : "_x");
    Json property = random_property(random);
    if (!knows_null && property.value("type", Json()) == "null") property = {{"type", "boolean"}};
    schema["properties"][name] = property;
    if (random.below(2) == 0) schema["required"].push_back(name);
  }
  return schema;
}

// Without the texts that `syntax` ends one with. Where nothing else tells a text from another value, it
// begins like no other.
std::string random_text(Random& random, const CallSyntax& syntax, bool may_be_other) {
  std::string text = may_be_other ? "word" : "";
  const size_t n = random.below(5);
  for (size_t i = 0; i < n; ++i) text += random.of(kFragments);
  const std::string_view end =
      syntax.carrier == CallCarrier::kParameters ? syntax.parameters.value_end : syntax.literals.quote;
  return end.empty() || text.find(end) == std::string::npos ? text : "text";
}

Json random_value(Random& random, const CallSyntax& syntax, const Json& schema) {
  if (schema.contains("enum")) return random.of(schema["enum"]);
  const Json& type = schema["type"];
  if (type.is_array()) return random.below(3) == 0 ? Json() : Json(random_text(random, syntax, true));
  if (type == "string") return random_text(random, syntax, false);
  if (type == "integer") return static_cast<int>(random.below(2000)) - 1000;
  // Not 1.0, which templates write so: numbers are canonical in a grammar.
  if (type == "number") return (2 * static_cast<int>(random.below(1000)) - 999) / 8.0;
  if (type == "boolean") return random.below(2) == 0;
  if (type == "null") return nullptr;
  if (type == "array") {
    Json array = Json::array();
    for (size_t n = random.below(3); n > 0; --n)
      array.push_back(random_value(random, syntax, schema["items"]));
    return array;
  }
  Json object = Json::object();
  const Json properties = schema.value("properties", Json::object());
  const Json required = schema.value("required", Json::array());
  for (const auto& [name, property] : properties.items()) {
    const bool is_required = std::find(required.begin(), required.end(), name) != required.end();
    if (is_required || random.below(2) == 0) object[name] = random_value(random, syntax, property);
  }
  if (!schema.contains("properties") && random.below(2) == 0)
    object["key"] = random_text(random, syntax, false);
  return object;
}

bool is_of_type(const Json& value, const std::string& type) {
  if (type == "string") return value.is_string();
  if (type == "integer")
    return value.is_number_integer() ||
           (value.is_number() && value.get<double>() == std::floor(value.get<double>()));
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  return type == "array" ? value.is_array() : value.is_object();
}

// As far as random_schema() goes.
bool is_valid(const Json& value, const Json& schema) {
  if (schema.contains("enum"))
    return std::find(schema["enum"].begin(), schema["enum"].end(), value) != schema["enum"].end();
  const Json types = schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
  if (std::none_of(types.begin(), types.end(), [&](const Json& type) { return is_of_type(value, type); }))
    return false;
  if (value.is_array())
    return std::all_of(value.begin(), value.end(),
                       [&](const Json& item) { return is_valid(item, schema["items"]); });
  if (!value.is_object()) return true;
  for (const Json& name : schema.value("required", Json::array())) {
    if (!value.contains(name.get<std::string>())) return false;
  }
  const Json properties = schema.value("properties", Json::object());
  return std::all_of(value.items().begin(), value.items().end(), [&](const auto& member) {
    if (properties.contains(member.key())) return is_valid(member.value(), properties[member.key()]);
    const Json& others = schema["additionalProperties"];
    return others.is_object() && is_valid(member.value(), others);
  });
}

// --- Answers of a grammar

SetId walk(StateSets& sets, SetId at, std::string_view text) {
  for (const char c : text) at = sets.next(at, static_cast<uint8_t>(c));
  return at;
}

// The shortest text that ends an answer which has come as far as `from`.
std::string shortest_end(StateSets& sets, SetId from) {
  std::map<SetId, std::string> found{{from, ""}};
  std::deque<SetId> to_visit{from};
  while (!to_visit.empty()) {
    const SetId at = to_visit.front();
    to_visit.pop_front();
    if (sets.may_end(at)) return found[at];
    for (int byte = '\t'; byte < 256; ++byte) {
      const SetId next = sets.next(at, static_cast<uint8_t>(byte));
      if (next == StateSets::kDead) continue;
      if (found.try_emplace(next, found[at] + static_cast<char>(byte)).second) to_visit.push_back(next);
    }
  }
  ADD_FAILURE() << "no way out";
  return {};
}

bool is_dull(uint8_t byte) {
  return byte >= 0x80 || byte < ' ' || (byte >= '0' && byte <= '9') || byte == 'e' || byte == 'E';
}

// An answer drawn at random, with many of the fragments in it.
std::string random_answer(StateSets& sets, Random& random) {
  constexpr size_t kLong = 160;
  SetId at = sets.start();
  std::string text;
  while (text.size() < kLong) {
    if (sets.may_end(at)) return text;
    const std::string_view fragment = random.of(kFragments);
    if (const SetId next = walk(sets, at, fragment); next != StateSets::kDead && random.below(3) == 0) {
      text += fragment;
      at = next;
      continue;
    }
    // Few digits and no long numbers, few characters of several bytes.
    std::vector<uint8_t> all;
    std::vector<uint8_t> lively;
    for (int byte = 0; byte < 256; ++byte) {
      const auto next = static_cast<uint8_t>(byte);
      if (sets.next(at, next) == StateSets::kDead) continue;
      all.push_back(next);
      if (!is_dull(next)) lively.push_back(next);
    }
    if (all.empty()) return text;
    const uint8_t byte = random.of(lively.empty() || random.below(12) == 0 ? all : lively);
    text += static_cast<char>(byte);
    at = sets.next(at, byte);
  }
  return text + shortest_end(sets, at);
}

// --- Reading

struct Answer {
  std::string text;
  Calls calls;
  bool is_whole = true;  // every call has ended, and its arguments are JSON
  bool operator==(const Answer&) const = default;
};

Answer read_answer(const ToolFormat& format, std::span<const Tool> tools, std::string_view written,
                   size_t piece) {
  const auto parser = format.parser(tools);
  Answer answer;
  std::vector<AnswerPart> parts;
  for (size_t at = 0; at < written.size(); at += piece) {
    for (auto& part : parser->push(written.substr(at, piece))) parts.push_back(std::move(part));
  }
  for (auto& part : parser->finish()) parts.push_back(std::move(part));
  std::string arguments;
  size_t n_ended = 0;
  for (const AnswerPart& part : parts) {
    if (part.kind == AnswerPart::Kind::kText) answer.text += part.text;
    if (part.kind == AnswerPart::Kind::kCall) answer.calls.emplace_back(part.text, Json());
    if (part.kind == AnswerPart::Kind::kArguments) arguments += part.text;
    if (part.kind != AnswerPart::Kind::kCallEnd) continue;
    ++n_ended;
    answer.calls.back().second =
        Json::parse(std::exchange(arguments, {}), nullptr, /*allow_exceptions=*/false);
    answer.is_whole = answer.is_whole && answer.calls.back().second.is_object();
  }
  answer.is_whole = answer.is_whole && n_ended == answer.calls.size();
  return answer;
}

// --- Writing

// LFM2's own template puts no escapes into strings: this is what it means.
std::string python_of(const Json& value) {
  if (value.is_string()) {
    std::string text = "'";
    for (const char c : value.get_ref<const std::string&>()) {
      if (c == '\n' || c == '\r' || c == '\t') {
        text += c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
        continue;
      }
      if (c == '\'' || c == '\\') text += '\\';
      text += c;
    }
    return text + "'";
  }
  if (value.is_boolean()) return value.get<bool>() ? "True" : "False";
  if (value.is_null()) return "None";
  if (!value.is_array()) return value.dump();
  std::string items;
  for (const Json& item : value) items += (items.empty() ? "" : ", ") + python_of(item);
  return "[" + items + "]";
}

bool can_write(const Case& known, const Calls& calls) {
  if (known.n_calls < 2 && calls.size() > 1) return false;
  if (known.format != "Command R") return true;
  // Its template indents lines of strings, too, after what Python calls a line break.
  for (const auto& [name, arguments] : calls) {
    const std::string json = arguments.dump();
    for (const std::string_view line_break : {"\u2028", "\u2029", "\u0085"}) {
      if (json.find(line_break) != std::string::npos) return false;
    }
  }
  return true;
}

std::string write(const TemplateUnderTest& under_test, const Case& known, const Calls& calls) {
  if (known.format != "LFM2") return under_test.write(calls);
  std::string all;
  for (const auto& [name, arguments] : calls) {
    std::string list;
    for (const auto& [key, value] : arguments.items())
      list += (list.empty() ? "" : ", ") + key + "=" + python_of(value);
    all += (all.empty() ? "" : ", ") + name + "(" + list + ")";
  }
  return "<|tool_call_start|>[" + all + "]<|tool_call_end|>";
}

class RoundTrip {
 public:
  RoundTrip(const TemplateUnderTest& under_test, const Case& known, uint32_t seed)
      : under_test_(under_test),
        known_(known),
        syntax_(*find_call_syntax(under_test.source())),
        random_(seed),
        schema_(random_schema(random_, template_calls::knows_null(under_test.source()))) {
    const Json tools =
        Json::array({{{"type", "function"}, {"function", {{"name", "do_it"}, {"parameters", schema_}}}}});
    tools_ = *tools_of(tools);
    grammar_ = call_grammars::grammar_of(under_test.source(), tools, {.required = true});
  }

  bool has_grammar() const { return grammar_ != nullptr; }

  void write_and_read() {
    Calls calls{{"do_it", random_value(random_, syntax_, schema_)}};
    if (known_.n_calls > 1) calls.emplace_back("do_it", random_value(random_, syntax_, schema_));
    if (!can_write(known_, calls)) return;
    const std::string written = write(under_test_, known_, calls);
    // Some templates write other characters as \uXXXX, of which a grammar knows the shortest form.
    if (written.find("\\u") == std::string::npos) {
      EXPECT_TRUE(grammar_->matches(written)) << schema_ << '\n' << written;
    }
    expect_read(written, calls);
  }

  void draw_and_read() {
    const std::string drawn = random_answer(grammar_->sets(), random_);
    ASSERT_TRUE(grammar_->matches(drawn)) << drawn;
    const Answer answer = read_answer(under_test_.format(), tools_, drawn, drawn.size());
    EXPECT_EQ(answer, read_answer(under_test_.format(), tools_, drawn, 1)) << drawn;
    ASSERT_TRUE(answer.is_whole && answer.text.empty() && !answer.calls.empty()) << schema_ << '\n' << drawn;
    for (const auto& [name, arguments] : answer.calls) {
      EXPECT_EQ(name, "do_it");
      EXPECT_TRUE(is_valid(arguments, schema_)) << schema_ << '\n' << drawn << '\n' << arguments;
    }
    if (!can_write(known_, answer.calls)) return;
    expect_read(write(under_test_, known_, answer.calls), answer.calls);
  }

 private:
  void expect_read(const std::string& written, const Calls& calls) {
    const Answer answer = read_answer(under_test_.format(), tools_, written, written.size());
    EXPECT_TRUE(answer.is_whole && answer.text.empty()) << written;
    ASSERT_EQ(answer.calls.size(), calls.size()) << written;
    for (size_t i = 0; i < calls.size(); ++i) {
      // Gemma's template writes them by name.
      EXPECT_EQ(nlohmann::json(answer.calls[i].second), nlohmann::json(calls[i].second)) << schema_ << '\n'
                                                                                         << written;
    }
  }

  const TemplateUnderTest& under_test_;
  const Case& known_;
  const CallSyntax& syntax_;
  Random random_;
  Json schema_;
  std::vector<Tool> tools_;
  std::unique_ptr<GrammarUnderTest> grammar_;
};

TEST(CallRoundTrip, Arguments_OfAnyKind_AreReadBackAsTheyWereWritten) {
  HEARTH_NEEDS_TEST_DATA(folder, "templates");
  call_grammars::visit_templates(
      [](const TemplateUnderTest& under_test, const Case& known) {
        for (uint32_t seed = 0; seed < call_grammars::n_rounds(); ++seed) {
          SCOPED_TRACE(seed);
          RoundTrip round_trip(under_test, known, seed);
          ASSERT_TRUE(round_trip.has_grammar());
          for (int i = 0; i < 4; ++i) {
            round_trip.write_and_read();
            round_trip.draw_and_read();
          }
          if (::testing::Test::HasFailure()) return;
        }
      },
      /*one_of_a_format=*/true);
}

}  // namespace
}  // namespace hearth::text
