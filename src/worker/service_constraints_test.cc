// Answers that must be something: what a model of random weights writes then.
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "worker/service_fixture.h"

namespace hearth::worker {
namespace {

class ServiceConstraintsTest : public ServiceTest {
 protected:
  Call constrained(const protocol::Constraint& constraint, int64_t seed = 1) {
    Call call = generation("Hello", 400, /*temperature=*/1);
    call.mutable_generate()->set_ignore_end(false);
    call.mutable_generate()->mutable_sampling()->set_seed(seed);
    *call.mutable_generate()->mutable_constraint() = constraint;
    return call;
  }
  protocol::Failure failure_of(const protocol::Constraint& constraint) {
    const Reply reply = only_reply_to(constrained(constraint));
    EXPECT_TRUE(reply.has_failure());
    return reply.failure();
  }
};

constexpr const char* kSchema =
    R"({"type": "object", "properties": {"name": {"type": "string", "maxLength": 8}, "age": {"type": "integer", "minimum": 0,
        "maximum": 120}, "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 3}},
        "required": ["name", "age", "tags"], "additionalProperties": false})";

TEST_F(ServiceConstraintsTest, Schema_IsKept) {
  make_llama();
  start();
  protocol::Constraint constraint;
  constraint.set_json_schema(kSchema);
  for (int64_t seed = 0; seed < 10; ++seed) {
    const auto replies = replies_to(constrained(constraint, seed));
    ASSERT_EQ(end_of(replies).reason(), protocol::Finished::STOP) << text_of(replies);
    const auto value = nlohmann::json::parse(text_of(replies), nullptr, /*allow_exceptions=*/false);
    ASSERT_TRUE(value.is_object()) << text_of(replies);
    EXPECT_EQ(value.size(), 3U);
    EXPECT_TRUE(value["name"].is_string());
    EXPECT_TRUE(value["age"].is_number_integer() && value["age"] >= 0 && value["age"] <= 120) << value;
    for (const auto& tag : value["tags"]) EXPECT_TRUE(tag == "a" || tag == "b");
  }
}

TEST_F(ServiceConstraintsTest, GrammarExpressionAndChoices_AreKept) {
  make_llama();
  start();
  protocol::Constraint grammar;
  grammar.set_gbnf("root ::= [a-c]{3} (\" \" [0-9]+){0,2} \".\"");
  protocol::Constraint expression;
  expression.set_regex("(yes|no|maybe( not)?), [A-Z][a-z]{2}");
  protocol::Constraint choices;
  for (const char* text : {"red", "green", "greenish", "ünïcode"}) choices.mutable_choices()->add_texts(text);
  for (int64_t seed = 0; seed < 8; ++seed) {
    EXPECT_TRUE(std::regex_match(text_of(replies_to(constrained(grammar, seed))),
                                 std::regex("[a-c]{3}( [0-9]+){0,2}\\.")));
    EXPECT_TRUE(std::regex_match(text_of(replies_to(constrained(expression, seed))),
                                 std::regex("(yes|no|maybe( not)?), [A-Z][a-z]{2}")));
    const std::string choice = text_of(replies_to(constrained(choices, seed)));
    EXPECT_TRUE(choice == "red" || choice == "green" || choice == "greenish" || choice == "ünïcode")
        << choice;
  }
}

TEST_F(ServiceConstraintsTest, SeveralAnswers_AreEachHeldToIt) {
  make_llama();
  start();
  protocol::Constraint constraint;
  constraint.set_regex("[ab]{6}");
  Call call = constrained(constraint);
  call.mutable_generate()->set_n(3);
  const auto replies = replies_to(call);
  std::set<std::string> texts;
  for (uint32_t answer = 0; answer < 3; ++answer) {
    EXPECT_TRUE(std::regex_match(text_of(replies, answer), std::regex("[ab]{6}")));
    texts.insert(text_of(replies, answer));
  }
  EXPECT_GT(texts.size(), 1U);
}

TEST_F(ServiceConstraintsTest, WhatCannotBeKept_IsRefusedBeforeTheFirstToken) {
  make_llama();
  start();
  protocol::Constraint constraint;
  constraint.set_json_schema(R"({"type": "array", "items": {"type": "string"}, "uniqueItems": true})");
  EXPECT_EQ(failure_of(constraint).code(), protocol::Failure::UNSUPPORTED);
  EXPECT_NE(failure_of(constraint).message().find("uniqueItems"), std::string::npos);
  constraint.set_json_schema("{");
  EXPECT_EQ(failure_of(constraint).code(), protocol::Failure::INVALID_ARGUMENT);
  constraint.set_json_schema(std::string(100'000, '['));
  EXPECT_EQ(failure_of(constraint).code(), protocol::Failure::RESOURCE_EXHAUSTED);
  constraint.set_gbnf("root ::= (((\"a\"{1000}){1000}){1000}){1000}");
  EXPECT_EQ(failure_of(constraint).code(), protocol::Failure::RESOURCE_EXHAUSTED);
  constraint.set_gbnf(std::string(2U << 20U, '#'));
  EXPECT_EQ(failure_of(constraint).code(), protocol::Failure::RESOURCE_EXHAUSTED);
  constraint.set_regex("(a");
  EXPECT_EQ(failure_of(constraint).code(), protocol::Failure::INVALID_ARGUMENT);
  constraint.mutable_choices();
  EXPECT_EQ(failure_of(constraint).code(), protocol::Failure::INVALID_ARGUMENT);
  EXPECT_EQ(failure_of({}).code(), protocol::Failure::UNSUPPORTED);
  // And the next one is served.
  constraint.set_regex("ok");
  EXPECT_EQ(text_of(replies_to(constrained(constraint))), "ok");
}

// A schema that takes long to compile keeps its own call waiting and no other.
TEST_F(ServiceConstraintsTest, OthersGoOn_WhileASchemaIsCompiled) {
  make_llama();
  start();
  nlohmann::json schema;
  for (int i = 0; i < 300; ++i) schema["oneOf"].push_back({{"type", "integer"}, {"minimum", i}});
  protocol::Constraint constraint;
  constraint.set_json_schema(schema.dump());
  const Call costly = constrained(constraint);
  const Call cancelled = constrained(constraint, /*seed=*/2);
  const Call free = generation("Hello", 5);
  service_.handle(costly);
  service_.handle(cancelled);
  service_.handle(free);
  Call cancel = call();
  cancel.mutable_cancel()->set_call(cancelled.id());
  service_.handle(cancel);
  EXPECT_EQ(end_of(replies_of(cancelled.id())).reason(), protocol::Finished::CANCELLED);
  while (replies_of(costly.id()).empty()) {
    ASSERT_TRUE(service_.has_work());
    service_.step();
  }
  EXPECT_EQ(replies_of(costly.id()).front().failure().code(), protocol::Failure::RESOURCE_EXHAUSTED);
  EXPECT_EQ(end_of(replies_of(free.id())).n_generated_tokens(), 5);
  EXPECT_FALSE(service_.has_work());
}

TEST_F(ServiceConstraintsTest, CallsThatAreCompiled_CountAmongThoseThatWait) {
  make_llama();
  protocol::StartOptions options;
  options.set_max_sequences(1);
  options.set_max_waiting(2);
  start(options);
  std::vector<Call> calls;
  for (int i = 0; i < 5; ++i) {
    protocol::Constraint constraint;
    constraint.set_regex("number " + std::to_string(i));
    calls.push_back(constrained(constraint));
    service_.handle(calls.back());
  }
  while (service_.has_work()) service_.step();
  int n_refused = 0;
  for (const Call& call : calls) {
    const auto replies = replies_of(call.id());
    n_refused += replies.back().has_failure() ? 1 : 0;
  }
  EXPECT_EQ(n_refused, 2);
}

// Many different ones do not pile up: what is kept is bounded.
TEST_F(ServiceConstraintsTest, ManyDifferentOnes_AreServed) {
  make_llama();
  start();
  for (int i = 0; i < 200; ++i) {
    protocol::Constraint constraint;
    const std::string text = "number " + std::to_string(i);
    constraint.set_regex(text);
    EXPECT_EQ(text_of(replies_to(constrained(constraint))), text);
  }
}

}  // namespace
}  // namespace hearth::worker
