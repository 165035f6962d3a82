#include "text/tools/tool_calls.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace hearth::text {
namespace {

using Json = nlohmann::ordered_json;

Result<std::vector<Tool>> tools_from(const std::string& json) {
  return tools_of(Json::parse(json));
}

std::string entry_with(const std::string& function) {
  return R"({"type": "function", "function": )" + function + "}";
}

TEST(ToolsOf, Tools_NamesAndParameters_AreTaken) {
  const auto tools = tools_from("[" + entry_with(R"({"name": "a.b-c_1"})") + "," +
                                entry_with(R"({"name": "f", "parameters": {"properties": {"x": true}}})") +
                                "," + entry_with(R"({"name": "g", "parameters": {}})") + "]");
  ASSERT_TRUE(tools) << tools.error().message();
  ASSERT_EQ(tools->size(), 3U);
  EXPECT_EQ((*tools)[0].name, "a.b-c_1");
  EXPECT_EQ((*tools)[0].parameters, "");
  EXPECT_EQ(Json::parse((*tools)[1].parameters),
            Json::parse(R"({"properties": {"x": true}, "type": "object"})"));
  EXPECT_EQ((*tools)[2].parameters, "");
}

TEST(ToolsOf, WrongTools_AreNamedWithWhatCame) {
  const struct {
    std::string tools, message;
  } cases[] = {
      {"{}", "tools: expected an array, found {}"},
      {"[1]", "tools[0]: expected an object, found 1"},
      {R"([{"function": {"name": "f"}}])", "tools[0].type: expected \"function\", found none"},
      {R"([{"type": "code", "function": {"name": "f"}}])",
       "tools[0].type: expected \"function\", found \"code\""},
      {R"([{"type": "function"}])", "tools[0].function: expected an object, found none"},
      {"[" + entry_with(R"({"name": "f"})") + "," + entry_with(R"({"name": "a b"})") + "]",
       "tools[1].function.name: expected 1 to 128 letters, digits, '_', '.' or '-', found \"a b\""},
      {"[" + entry_with(R"({"name": ""})") + "]", "found \"\""},
      {"[" + entry_with("{}") + "]", "tools[0].function.name: expected 1 to 128 letters"},
      {"[" + entry_with(R"({"name": ")" + std::string(129, 'a') + R"("})") + "]", "tools[0].function.name"},
      {"[" + entry_with(R"({"name": "f"})") + "," + entry_with(R"({"name": "f"})") + "]",
       "tools[1].function.name: expected a name that no other tool has, found \"f\""},
      {"[" + entry_with(R"({"name": "f", "parameters": [1]})") + "]",
       "tools[0].function.parameters: expected a JSON Schema, found [1]"},
      {"[" + entry_with(R"({"name": "f", "parameters": {"type": "array"}})") + "]",
       "tools[0].function.parameters.type: expected \"object\", found \"array\""},
  };
  for (const auto& [json, message] : cases) {
    const auto tools = tools_from(json);
    ASSERT_FALSE(tools) << json;
    EXPECT_EQ(tools.error().code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(tools.error().message().find(message), std::string::npos) << tools.error().message();
  }
}

TEST(ToolFormat, Marks_AreWhatTheSyntaxIsWrittenWith) {
  const auto format = find_tool_format("[TOOL_CALLS] [CALL_ID] [ARGS]");
  ASSERT_TRUE(format);
  EXPECT_EQ(format->marks(), (std::vector<std::string>{"[TOOL_CALLS]", "[CALL_ID]", "[ARGS]"}));
  EXPECT_EQ(format->text_begin(), "");
  EXPECT_EQ(find_tool_format("{{ messages[0].content }}"), nullptr);
  EXPECT_EQ(find_tool_format(R"('>>>all\n' >>>${recipient} '\n\n>>>')")->text_begin(), "all\n");
}

}  // namespace
}  // namespace hearth::text
