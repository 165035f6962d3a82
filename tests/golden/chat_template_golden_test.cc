// Real models' templates against what Python's Jinja2 renders.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/test_data.h"
#include "text/chat_template/chat_template.h"

namespace hearth::text {
namespace {

using Json = nlohmann::ordered_json;

// The clock of the expected outputs: 2024-07-26 12:00:00 UTC, a Friday.
RenderOptions options_of_expected() {
  std::tm now{};
  now.tm_year = 124;
  now.tm_mon = 6;
  now.tm_mday = 26;
  now.tm_hour = 12;
  now.tm_wday = 5;
  now.tm_yday = 207;
  RenderOptions options;
  options.now = now;
  return options;
}

Value context_of(const Json& all, const std::string& name) {
  Json context = all.at("base");
  context.update(all.at("cases").at(name));
  auto value = value_from_json(context.dump());
  EXPECT_TRUE(value) << name;
  return value ? *value : Value();
}

std::string render(const std::string& source, const Value& context, bool& failed) {
  const auto parsed = ChatTemplate::parse(source, "golden");
  const auto text =
      parsed ? parsed->render(context, options_of_expected()) : Result<std::string>(parsed.error());
  failed = !text;
  return text ? *text : text.error().message();
}

TEST(ChatTemplateGolden, Render_EveryTemplateAndConversation_EqualsJinja2) {
  HEARTH_NEEDS_TEST_DATA(folder, "templates");
  const Json all = Json::parse(testing::read_file(folder / "cases.json"));
  std::istringstream rows(testing::read_file(folder / "expected.jsonl"));
  size_t n_rows = 0;
  size_t n_errors = 0;
  for (std::string line; std::getline(rows, line); ++n_rows) {
    const Json row = Json::parse(line);
    const std::string name = row.at("template");
    const std::string conversation = row.at("case");
    bool failed = false;
    const std::string text = render(testing::read_file(folder / name), context_of(all, conversation), failed);
    const bool should_fail = row.contains("error");
    n_errors += static_cast<size_t>(should_fail);
    EXPECT_EQ(failed, should_fail) << name << ", " << conversation << ": " << text;
    if (failed || should_fail) continue;
    EXPECT_EQ(text, row.at("expected").get<std::string>()) << name << ", " << conversation;
  }
  EXPECT_EQ(n_rows, 595U);
  EXPECT_EQ(n_errors, 30U);
}

}  // namespace
}  // namespace hearth::text
