#include "server/inference/output_constraint.h"

#include <gtest/gtest.h>

namespace hearth::server::inference {
namespace {

using protocol::Constraint;
using wire::JsonBody;

struct Read {
  protocol::Generate generate;
  std::string error;
};

Read read(const char* text) {
  Read result;
  auto body = JsonBody::parse(text);
  EXPECT_TRUE(body) << text;
  read_guides(body->root(), result.generate);
  const auto checked = body->check();
  if (!checked) result.error = checked.error().message;
  return result;
}

TEST(ReadGuides, EveryName_IsAConstraint) {
  for (const char* text : {R"({"grammar":"root ::= \"a\""})", R"({"guided_grammar":"root ::= \"a\""})",
                           R"({"structured_outputs":{"grammar":"root ::= \"a\""}})"}) {
    EXPECT_EQ(read(text).generate.constraint().gbnf(), "root ::= \"a\"") << text;
  }
  for (const char* text :
       {R"({"regex":"a+"})", R"({"guided_regex":"a+"})", R"({"structured_outputs":{"regex":"a+"}})"}) {
    EXPECT_EQ(read(text).generate.constraint().regex(), "a+") << text;
  }
  for (const char* text : {R"({"choices":["yes","no"]})", R"({"guided_choice":["yes","no"]})",
                           R"({"structured_outputs":{"choice":["yes","no"]}})"}) {
    const Constraint constraint = read(text).generate.constraint();
    ASSERT_EQ(constraint.choices().texts_size(), 2) << text;
    EXPECT_EQ(constraint.choices().texts(1), "no") << text;
  }
  for (const char* text :
       {R"({"guided_json":{"z":1,"a":[1.5]}})", R"({"structured_outputs":{"json":{"z":1,"a":[1.5]}}})"}) {
    EXPECT_EQ(read(text).generate.constraint().json_schema(), R"({"z":1,"a":[1.5]})") << text;
  }
  EXPECT_EQ(read(R"({"guided_json":true})").generate.constraint().json_schema(), "true");
  EXPECT_TRUE(read(R"({"structured_outputs":{"json_object":true}})").generate.constraint().json_object());
  for (const char* text : {"{}", R"({"grammar":null,"structured_outputs":{}})",
                           R"({"structured_outputs":{"json_object":false}})"}) {
    EXPECT_FALSE(read(text).generate.has_constraint()) << text;
  }
}

TEST(ReadGuides, WhatIsWrong_IsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"grammar":1})", "grammar: expected a string, found 1"},
      {R"({"regex":[]})", "regex: expected a string, found a list"},
      {R"({"choices":[]})", "choices: expected a list of at least one text, found a list"},
      {R"({"choices":"a"})", "choices: expected a list, found \"a\""},
      {R"({"guided_choice":[1]})", "guided_choice[0]: expected a string, found 1"},
      {R"({"guided_json":"x"})", "guided_json: expected a JSON schema, found \"x\""},
      {R"({"structured_outputs":1})", "structured_outputs: expected an object, found 1"},
      {R"({"regex":"a","choices":["b"]})",
       "choices: the answer is constrained by another field already, and only one can be kept"},
      {R"({"grammar":"x","structured_outputs":{"json":{}}})",
       "structured_outputs.json: the answer is constrained by another field already, and only one can be "
       "kept"},
  };
  for (const auto& [text, error] : cases) EXPECT_EQ(read(text).error, error) << text;
}

}  // namespace
}  // namespace hearth::server::inference
