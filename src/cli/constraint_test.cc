#include "cli/constraint.h"

#include <gtest/gtest.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "tests/support/temporary_folder.h"

namespace hearth::cli {
namespace {

class ConstraintOptionsTest : public ::testing::Test {
 protected:
  std::string file(const char* name, const std::string& text) {
    const auto path = folder_ / name;
    std::ofstream(path) << text;
    return path.string();
  }
  static std::string fields(const protocol::Constraint& constraint) {
    nlohmann::ordered_json body = nlohmann::ordered_json::object();
    add_constraint_fields(constraint, body);
    return body.dump();
  }

  hearth::testing::TemporaryFolder folder_;
};

TEST_F(ConstraintOptionsTest, EachOption_IsAConstraintAndAField) {
  const std::string schema = R"({"type":"object","properties":{"z":{},"a":{}}})";
  ConstraintOptions options;
  ASSERT_TRUE(read_constraint(options));
  EXPECT_FALSE(read_constraint(options)->has_value());
  options.format = "json";
  EXPECT_EQ(fields(**read_constraint(options)), R"({"format":"json"})");
  options.format = schema;
  EXPECT_EQ(fields(**read_constraint(options)), R"({"format":)" + schema + "}");
  options = {};
  options.schema_file = file("schema.json", schema);
  EXPECT_EQ((*read_constraint(options))->json_schema(), schema);
  options = {};
  options.grammar_file = file("list.gbnf", "root ::= \"a\"\n");
  EXPECT_EQ(fields(**read_constraint(options)), R"({"grammar":"root ::= \"a\"\n"})");
  options = {};
  options.regex = "a+";
  EXPECT_EQ(fields(**read_constraint(options)), R"({"regex":"a+"})");
}

TEST_F(ConstraintOptionsTest, WhatIsNoSchema_IsRefused) {
  ConstraintOptions options;
  options.format = "yaml";
  EXPECT_EQ(read_constraint(options).error().message(),
            "--format: expected json or a JSON schema, found 'yaml'");
  options = {};
  options.schema_file = file("list.json", "[1]");
  EXPECT_EQ(read_constraint(options).error().message(),
            options.schema_file + ": expected a JSON schema, found array");
  options.schema_file = (folder_ / "none.json").string();
  EXPECT_EQ(read_constraint(options).error().code(), ErrorCode::kNotFound);
}

TEST_F(ConstraintOptionsTest, Two_AreAWrongCommandLine) {
  for (std::vector<std::string> arguments :
       {std::vector<std::string>{"--format", "json", "--regex", "a"}, {"--schema", "a", "--grammar", "b"}}) {
    CLI::App app;
    ConstraintOptions options;
    add_constraint_options(app, options);
    std::reverse(arguments.begin(), arguments.end());
    EXPECT_THROW(app.parse(arguments), CLI::ExcludesError);
  }
}

}  // namespace
}  // namespace hearth::cli
