#include "server/inference/tools.h"

#include <gtest/gtest.h>

#include "server/inference/tool_calls.h"

namespace hearth::server::inference {
namespace {

using wire::Json;
using wire::JsonBody;

// What is noted while the tools of a body are read.
std::string error_of(const std::string& tools) {
  auto body = JsonBody::parse(R"({"tools":)" + tools + "}");
  EXPECT_TRUE(body) << tools;
  (void)read_function_tools((*body)["tools"]);
  const auto checked = body->check();
  return checked ? "" : checked.error().message;
}

TEST(FunctionTools, EachHas_WhatTemplatesLookFor) {
  const auto body = JsonBody::parse(R"({"tools":[
      {"type":"function","function":{"name":"f","description":"does","strict":true,
       "parameters":{"type":"object","properties":{"b":{"type":"string"},"a":{}},"required":["b"]}}},
      {"function":{"name":"g"}},{"type":"function","function":{"name":"h","parameters":{"type":"object"}}}]})");
  ASSERT_TRUE(body);
  const Tools tools = read_function_tools((*body)["tools"]);
  EXPECT_EQ(
      wire::dump_json(tools.json()),
      R"([{"type":"function","function":{"name":"f","description":"does","parameters":{"type":"object",)"
      R"("properties":{"b":{"type":"string"},"a":{}},"required":["b"]}}},)"
      R"({"type":"function","function":{"name":"g","description":"","parameters":{"type":"object",)"
      R"("properties":{}}}},{"type":"function","function":{"name":"h","description":"","parameters":)"
      R"({"type":"object","properties":{}}}}])");
  EXPECT_TRUE(tools.contains("g"));
  EXPECT_FALSE(tools.contains("x"));
  EXPECT_TRUE(body->check());
}

TEST(FunctionTools, WhatIsWrong_IsNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {"[]", ""},
      {"null", ""},
      {"{}", "tools: expected a list, found an object"},
      {R"(["f"])", "tools[0]: expected an object, found \"f\""},
      {R"([{"type":"web_search"}])", "tools[0].type: \"web_search\" is not supported, only \"function\""},
      {R"([{"type":"function"}])", "tools[0].function: is required"},
      {R"([{"function":{}}])", "tools[0].function.name: is required"},
      {R"([{"function":{"name":""}}])", "tools[0].function.name: expected the name of a tool, found \"\""},
      {R"([{"function":{"name":"f"}},{"function":{"name":"f"}}])",
       "tools[1].function.name: another tool is called \"f\" as well"},
      {R"([{"function":{"name":"f","description":1}}])",
       "tools[0].function.description: expected a string, found 1"},
      {R"([{"function":{"name":"f","parameters":[]}}])",
       "tools[0].function.parameters: expected an object, found a list"},
  };
  for (const auto& [tools, error] : cases) EXPECT_EQ(error_of(tools), error) << tools;
}

TEST(Arguments, ObjectOrItsText_IsTheObject) {
  const auto body = JsonBody::parse(
      R"({"a":{"z":1,"b":2},"b":"{\"z\":1,\"b\":2}","c":"","d":null,"e":"{","f":"[1]","g":7})");
  ASSERT_TRUE(body);
  EXPECT_EQ(read_arguments((*body)["a"]).dump(), R"({"z":1,"b":2})");
  EXPECT_EQ(read_arguments((*body)["b"]).dump(), R"({"z":1,"b":2})");
  EXPECT_EQ(read_arguments((*body)["c"]).dump(), "{}");
  EXPECT_EQ(read_arguments((*body)["d"]).dump(), "{}");
  EXPECT_TRUE(body->check());
  for (const char* name : {"e", "f", "g"}) {
    const auto wrong = JsonBody::parse(R"({"e":"{","f":"[1]","g":7})");
    read_arguments((*wrong)[name]);
    const auto checked = wrong->check();
    ASSERT_FALSE(checked) << name;
    EXPECT_TRUE(
        checked.error().message.starts_with(std::string(name) + ": expected a JSON object, or the text"))
        << checked.error().message;
  }
}

protocol::ToolCallPart part(uint32_t index, const char* name, const char* arguments, bool is_whole) {
  protocol::ToolCallPart part;
  part.set_index(index);
  part.set_name(name);
  part.set_arguments(arguments);
  part.set_is_whole(is_whole);
  return part;
}

TEST(ToolCalls, Parts_BecomeCalls) {
  ToolCalls calls("call_", 8);
  EXPECT_TRUE(calls.empty());
  EXPECT_TRUE(calls.append(part(0, "f", "", false)));
  EXPECT_FALSE(calls.append(part(0, "", R"({"a":)", false)));
  EXPECT_FALSE(calls.back().is_whole);
  EXPECT_FALSE(calls.append(part(0, "", "1}", true)));
  EXPECT_TRUE(calls.append(part(1, "g", "{}", true)));
  ASSERT_EQ(calls.size(), 2U);
  EXPECT_EQ(calls.all()[0].name, "f");
  EXPECT_EQ(arguments_object(calls.all()[0].arguments).dump(), R"({"a":1})");
  EXPECT_TRUE(calls.all()[0].is_whole);
  EXPECT_EQ(calls.all()[0].id.size(), 5U + 8U);
  EXPECT_NE(calls.all()[0].id, calls.all()[1].id);
  EXPECT_EQ(arguments_object("{\"a\":").dump(), "{}");
}

}  // namespace
}  // namespace hearth::server::inference
