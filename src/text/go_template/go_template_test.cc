#include "text/go_template/go_template.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace hearth::text::go_template {
namespace {

using Json = nlohmann::json;

RenderOptions options_of_test() {
  RenderOptions options;
  std::tm now{};
  now.tm_year = 2026 - 1900;
  now.tm_mon = 2;
  now.tm_mday = 1;
  now.tm_hour = 12;
  options.now = now;
  return options;
}

Result<std::string> execute(std::string_view source, const std::string& json = "{}",
                            const RenderOptions& options = options_of_test()) {
  HEARTH_ASSIGN(const Template parsed, Template::parse(source, "test"));
  HEARTH_ASSIGN(const text::Value data, value_from_json(json));
  return parsed.execute(value_of(data), options);
}

void expect_error(const Result<std::string>& result, ErrorCode code, std::string_view message) {
  ASSERT_FALSE(result) << *result;
  EXPECT_EQ(result.error().code(), code) << result.error().message();
  EXPECT_NE(result.error().message().find(message), std::string::npos) << result.error().message();
}

// Each case of a file that tools/go_template/cases.go wrote: Go's output, or that Go refuses it.
void expect_what_go_says(const std::filesystem::path& file) {
  std::ifstream in(file);
  const Json cases = Json::parse(in, nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(cases.is_array()) << file;
  ASSERT_FALSE(cases.empty());
  size_t n_wrong = 0;
  for (const Json& one : cases) {
    const auto source = one["template"].get<std::string>();
    const auto text = execute(source, one["data"].dump());
    const bool refused = one.contains("error");
    const bool agrees = refused ? !text : text && *text == one["output"].get<std::string>();
    if (agrees || ++n_wrong > 20) continue;
    ADD_FAILURE() << source << "\ndata: " << one["data"].dump()
                  << "\nGo:     " << (refused ? one["error"] : one["output"]).get<std::string>()
                  << "\nHearth: " << (text ? *text : "error: " + text.error().message());
  }
  EXPECT_EQ(n_wrong, 0U) << "of " << cases.size();
}

TEST(GoTemplate, CasesWithGosOutput_AreRenderedAsGoRendersThem) {
  expect_what_go_says(std::filesystem::path(HEARTH_SOURCE_DIR) / "tests/data/go_template/cases.json");
}

// By hand: go run tools/go_template/cases.go -random 20000 > FILE
TEST(GoTemplate, CasesOfTheEnvironment_AreRenderedAsGoRendersThem) {
  const char* const file = std::getenv("HEARTH_GO_TEMPLATE_CASES");
  if (file == nullptr) GTEST_SKIP() << "HEARTH_GO_TEMPLATE_CASES names no file of cases";
  expect_what_go_says(file);
}

TEST(GoTemplate, Parse_SourceThatIsNoTemplate_NamesLineAndColumn) {
  const auto problem = [](std::string_view source, std::string_view message) {
    expect_error(execute(source), ErrorCode::kMalformed, message);
  };
  problem("a\n  {{ .Prompt ", "test:2:3: unclosed action");
  problem("{{ if .A }}\n", "test:2:1: unexpected end of the template");
  problem("\n{{ end }}", "test:2:4: unexpected {{end}}");
  problem("{{ nothing .A }}", "test:1:4: function \"nothing\" not defined");
  problem("{{ $x }}", "test:1:4: undefined variable \"$x\"");
  problem("{{ \"a\n\" }}", "test:1:4: unterminated quoted string");
  problem("{{ .A | 1 }}", "test:1:9: stage 2 of the pipeline");
  problem("{{ break }}", "test:1:4: {{break}} outside {{range}}");
  problem("{{ range .A }}{{ define \"x\" }}{{ end }}{{ end }}", "test:1:18: unexpected \"define\"");
  problem("{{ template \"a\" }}{{ define \"a\" }}1{{ end }}{{ define \"a\" }}2{{ end }}", "defined twice");
  problem("{{ 99999999999999999999 }}", "overflows int");
  problem("{{/* a", "unclosed comment");
  problem("{{ (.A }}", "unclosed left parenthesis");
  expect_error(execute("{{ 1i }}"), ErrorCode::kUnsupported, "test:1:4: 1i: imaginary numbers");
}

TEST(GoTemplate, Execute_OperationThatGoRefuses_NamesLineAndColumn) {
  const auto problem = [](std::string_view source, std::string_view message) {
    expect_error(execute(source, R"({"A": "x"})"), ErrorCode::kInvalidArgument, message);
  };
  problem("{{ .A }}\n{{ .A.B }}", "test:2:4: can't evaluate field B in type string");
  problem("{{ index .A 9 }}", "test:1:4: error calling index: index out of range: 9");
  problem("{{ template \"none\" }}", "test:1:4: template \"none\" not defined");
  problem("{{ .Missing.Name }}", "test:1:4: nil pointer evaluating interface {}.Name");
  problem("{{ eq .A 1 }}", "incompatible types for comparison: string and int");
  problem("{{ printf 1 }}", "expected string; got int");
  problem("{{ call .A }}", "non-function of type string");
}

// What Go has had since 1.22 and 1.23; the golden cases come from an older one.
TEST(GoTemplate, Range_OverANumber_CountsUpToIt) {
  EXPECT_EQ(*execute("{{ range 3 }}<{{ . }}>{{ end }}"), "<0><1><2>");
  EXPECT_EQ(*execute("{{ range $i := len .A }}{{ $i }},{{ else }}none{{ end }}", R"({"A": "xy"})"), "0,1,");
  EXPECT_EQ(*execute("{{ range 0 }}x{{ else }}none{{ end }}"), "none");
  EXPECT_EQ(*execute("{{ range $i := 5 }}{{ if eq $i 3 }}{{ break }}{{ end }}{{ $i }}{{ end }}"), "012");
  expect_error(execute("{{ range $i, $x := 2 }}{{ end }}"), ErrorCode::kInvalidArgument,
               "more than one variable");
}

TEST(GoTemplate, ElseWith_FirstThatIsThere_IsDot) {
  const char* const source = "{{ with .A }}a {{ . }}{{ else with .B }}b {{ . }}{{ else }}none{{ end }}";
  EXPECT_EQ(*execute(source, R"({"A": 1, "B": 2})"), "a 1");
  EXPECT_EQ(*execute(source, R"({"B": 2})"), "b 2");
  EXPECT_EQ(*execute(source), "none");
}

TEST(GoTemplate, Range_AssignmentToOuterVariables_KeepsTheLast) {
  EXPECT_EQ(*execute("{{ $i := 0 }}{{ $x := 0 }}{{ range $i, $x = .L }}{{ end }}{{ $i }}{{ $x }}",
                     R"({"L": ["a", "b"]})"),
            "1b");
}

TEST(GoTemplate, Dates_AreThoseOfTheGivenTime) {
  EXPECT_EQ(*execute("{{ currentDate }} {{ yesterdayDate \"any\" }}"), "2026-03-01 2026-02-28");
}

TEST(GoTemplate, Limits_AreErrorsWithAPlace) {
  const auto exhausted = [](const std::string& source, std::string_view message) {
    expect_error(execute(source), ErrorCode::kResourceExhausted, message);
  };
  exhausted("{{ define \"a\" }}{{ template \"a\" }}{{ end }}{{ template \"a\" }}",
            "nested more than 600 deep");
  exhausted("{{ range 2000000 }}{{ end }}", "more than 1000000 steps");
  exhausted("{{ range 9000 }}{{ printf \"%1000d\" . }}{{ end }}",
            "test:1:20: the template writes more than 4194304 bytes");
  exhausted("{{ $x := \"0123456789\" }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}", "works on more than");
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += "{{ if 1 }}";
  exhausted(deep, "nested more than 100 deep");
  exhausted("{{ " + std::string(200, '(') + "1" + std::string(200, ')') + " }}", "nested more than 100 deep");
  exhausted(std::string((1U << 20U) + 1, 'a'), "bytes");
}

TEST(GoTemplate, Names_OfFieldsAndVariables_AreThoseOfAllTemplates) {
  const auto parsed = Template::parse(
      R"({{ range $i, $_ := .Messages }}{{ if eq .Role "x" }}{{ $.Tools }}{{ end }}{{ end }}{{ define "a" }}{{ (index .L 0).Name }}{{ end }}Text .Other)",
      "test");
  ASSERT_TRUE(parsed) << parsed.error().message();
  const std::set<std::string, std::less<>> expected{"$", "L", "Messages", "Name", "Role", "Tools"};
  EXPECT_EQ(parsed->names(), expected);
}

}  // namespace
}  // namespace hearth::text::go_template
