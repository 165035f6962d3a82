// The required tests of the JSON Schema Test Suite: of every schema that is accepted, each valid instance can
// be generated and no invalid one can. docs/structured-output.md has the result, which this test holds it to;
// HEARTH_WRITE_SUITE_TABLE=1 writes it anew.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include "tests/support/test_data.h"
#include "text/grammar/grammar_acceptor.h"
#include "text/grammar/grammar_fixture.h"
#include "text/grammar/json_numbers.h"
#include "text/grammar/json_schema.h"
#include "text/grammar/json_text.h"

namespace hearth::text::grammar {
namespace {

using Json = nlohmann::ordered_json;

// An instance with its keys in several orders: all, up to five keys.
std::vector<std::string> texts_of_instance(const Json& value) {
  constexpr size_t kMaxTexts = 400;
  constexpr size_t kMaxPermuted = 5;
  if (value.is_number()) return {canonical_text(decimal_of(value))};
  if (value.is_string()) return {json_string(value.get<std::string>())};
  if (!value.is_structured()) return {value.dump()};
  std::vector<std::vector<size_t>> orders;
  std::vector<std::vector<std::string>> parts;
  for (const auto& [key, member] : value.items()) {
    parts.push_back(texts_of_instance(member));
    if (value.is_object()) {
      for (std::string& text : parts.back()) text = json_string(key) + ":" + text;
    }
  }
  std::vector<size_t> order(parts.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  do {
    orders.push_back(order);
  } while (value.is_object() && order.size() <= kMaxPermuted &&
           std::next_permutation(order.begin(), order.end()));
  std::vector<std::string> texts;
  for (const auto& its : orders) {
    std::vector<std::string> made{value.is_array() ? "[" : "{"};
    for (const size_t part : its) {
      std::vector<std::string> longer;
      for (const std::string& front : made) {
        for (const std::string& text : parts[part]) {
          if (longer.size() < kMaxTexts) longer.push_back(front + (front.size() > 1 ? "," : "") + text);
        }
      }
      made = std::move(longer);
    }
    for (const std::string& text : made) {
      if (texts.size() < kMaxTexts) texts.push_back(text + (value.is_array() ? "]" : "}"));
    }
  }
  return texts;
}

struct Tally {
  int n_schemas = 0, n_accepted = 0, n_empty = 0, n_refused = 0;
  int n_valid = 0, n_invalid = 0;
  std::map<std::string, std::string> refusals;  // drafts, by file, name and reason
  std::vector<std::string> wrong;
};

// Formats are asserted here, and are comments in the suite's required tests.
bool is_of_format(const std::string& file, const Json& test) {
  return file == "format" &&
         test["description"].get<std::string>().find("only an annotation") != std::string::npos;
}

std::string cell(std::string text) {
  for (size_t at = 0; (at = text.find('|', at)) != std::string::npos; at += 2) text.insert(at, "\\");
  return text;
}

void check_group(const std::string& draft, const std::string& file, const Json& group, Tally& tally) {
  const std::string name = fmt::format("{}/{}: {}", draft, file, group["description"].get<std::string>());
  ++tally.n_schemas;
  Json schema = group["schema"];
  // Those of draft 7 leave it to the runner to say so.
  if (draft == "draft7" && schema.is_object()) schema["$schema"] = "http://json-schema.org/draft-07/schema#";
  GrammarBuilder builder;
  const auto node = add_json_schema(builder, schema);
  if (!node && node.error().message().find("nothing can be valid") != std::string::npos) {
    ++tally.n_empty;
    for (const Json& test : group["tests"]) {
      if (test["valid"].get<bool>()) tally.wrong.push_back(name + ": refused as empty");
    }
    return;
  }
  if (!node) {
    ++tally.n_refused;
    EXPECT_TRUE(node.error().code() == ErrorCode::kUnsupported) << name << ": " << node.error().message();
    tally.refusals[fmt::format("{}: {} | {}", file, cell(group["description"]),
                               cell(node.error().message()))] += (draft == "draft7" ? " 7" : " 2020-12");
    return;
  }
  const auto grammar = builder.build(*node);
  ASSERT_TRUE(grammar) << name << ": " << grammar.error().message();
  ++tally.n_accepted;
  GrammarAcceptor acceptor(*grammar);
  GrammarUnderTest matcher(*grammar);
  for (const Json& test : group["tests"]) {
    const bool is_valid = test["valid"].get<bool>() && !is_of_format(file, test);
    ++(is_valid ? tally.n_valid : tally.n_invalid);
    bool matches = false;
    for (const std::string& text : texts_of_instance(test["data"])) {
      const bool does = acceptor.matches(text);
      EXPECT_EQ(matcher.matches(text), does) << name << ": " << text;
      matches |= does;
      if (does) break;
    }
    if (matches != is_valid) {
      tally.wrong.push_back(fmt::format("{}: {}: {} is {}", name, test["description"].get<std::string>(),
                                        test["data"].dump(), is_valid ? "valid" : "invalid"));
    }
  }
}

std::string table(const Tally& tally) {
  std::string out = fmt::format(
      "{} schemas: {} accepted, {} that nothing can fulfil, {} refused. {} valid instances can be generated, "
      "{} invalid ones "
      "cannot.\n\n| schema | drafts | refused because |\n|---|---|---|\n",
      tally.n_schemas, tally.n_accepted, tally.n_empty, tally.n_refused, tally.n_valid, tally.n_invalid);
  for (const auto& [row, drafts] : tally.refusals) {
    const size_t bar = row.find(" | ");
    out += fmt::format("| {} |{} | {} |\n", row.substr(0, bar), drafts, row.substr(bar + 3));
  }
  return out;
}

TEST(JsonSchemaSuite, Accepted_GenerateValidInstancesAndNoOthers) {
  HEARTH_NEEDS_TEST_DATA(folder, "json/JSON-Schema-Test-Suite/tests");
  Tally tally;
  for (const std::string draft : {"draft2020-12", "draft7"}) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder / draft)) {
      if (entry.path().extension() == ".json") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    for (const auto& path : files) {
      std::ifstream stream(path);
      for (const Json& group : Json::parse(stream)) check_group(draft, path.stem().string(), group, tally);
    }
  }
  for (const std::string& wrong : tally.wrong) ADD_FAILURE() << wrong;
  const std::string made = table(tally);
  const int n_decided = tally.n_accepted + tally.n_empty;
  std::cout << made;
  EXPECT_GE(n_decided * 100, tally.n_schemas * 85);

  const std::filesystem::path page = std::filesystem::path(HEARTH_SOURCE_DIR) / "docs/structured-output.md";
  std::ifstream stream(page);
  std::string text((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  const std::string begin = "<!-- suite -->\n";
  const std::string end = "<!-- end of suite -->\n";
  const size_t from = text.find(begin);
  const size_t to = text.find(end);
  ASSERT_TRUE(from != std::string::npos && to != std::string::npos) << page;
  if (std::getenv("HEARTH_WRITE_SUITE_TABLE") != nullptr) {
    text.replace(from + begin.size(), to - from - begin.size(), made);
    std::ofstream(page) << text;
    return;
  }
  EXPECT_EQ(text.substr(from + begin.size(), to - from - begin.size()), made)
      << "HEARTH_WRITE_SUITE_TABLE=1 writes it";
}

// The suite's optional tests of formats: a text that is not of its format is never generated. Some that are
// may be missing, as docs/structured-output.md says.
TEST(JsonSchemaSuite, Formats_GenerateNoTextOfAnother) {
  HEARTH_NEEDS_TEST_DATA(folder, "json/JSON-Schema-Test-Suite/tests/draft2020-12/optional/format");
  int n_valid = 0;
  int n_generated = 0;
  int n_invalid = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream stream(entry.path());
    for (const Json& group : Json::parse(stream)) {
      GrammarBuilder builder;
      const auto node = add_json_schema(builder, group["schema"]);
      if (!node) continue;
      GrammarUnderTest text(builder.build(*node).value());
      for (const Json& test : group["tests"]) {
        if (!test["data"].is_string()) continue;
        const bool matches = text.matches(json_string(test["data"].get<std::string>()));
        if (test["valid"].get<bool>()) {
          ++n_valid;
          n_generated += matches ? 1 : 0;
        } else {
          ++n_invalid;
          EXPECT_FALSE(matches) << entry.path().stem() << ": " << test.dump();
        }
        if (!matches && test["valid"].get<bool>())
          std::cout << entry.path().stem() << ": " << test["data"] << "\n";
      }
    }
  }
  std::cout << n_generated << " of " << n_valid << " valid texts are generated, none of " << n_invalid
            << " others\n";
  EXPECT_GT(n_invalid, 100);
  EXPECT_GE(n_generated * 10, n_valid * 8);
}

}  // namespace
}  // namespace hearth::text::grammar
