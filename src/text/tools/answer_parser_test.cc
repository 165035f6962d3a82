// Answers that no template writes: broken, cut off, and unlike what was taught.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "text/tools/tool_calls.h"

namespace hearth::text {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kHermes = "<tool_call>\n{...}\n</tool_call>";
constexpr std::string_view kQwenCoderCalls = "<tool_call><function=f><parameter=p></tool_call>";
constexpr std::string_view kMistral = "[TOOL_CALLS]";
constexpr std::string_view kMistralArgs = "[TOOL_CALLS] [ARGS]";
constexpr std::string_view kLlama = R"(<|start_header_id|> {"name": "f", "parameters": {}})";
constexpr std::string_view kDeepSeek = "<｜tool▁sep｜>";
constexpr std::string_view kGemmaCalls = "<|tool_call>call:f{}<tool_call|>";
constexpr std::string_view kLfm = "<|tool_call_start|><|tool_call_end|>";
constexpr std::string_view kHarmony = "<|channel|>commentary to=functions.f";
constexpr std::string_view kDsml = "<｜DSML｜invoke function_calls";
constexpr std::string_view kFunctionary = R"('>>>all\n' >>>${recipient} '\n\n>>>')";
constexpr std::string_view kMiroThinker = "<use_mcp_tool><server_name><tool_name>";
constexpr std::string_view kGlm = "<tool_call><arg_key><arg_value>";

// One line: text as it is, [name|arguments] for a call, [name|arguments for one that has no end.
std::string shown(const std::vector<AnswerPart>& parts) {
  std::string line;
  for (const AnswerPart& part : parts) {
    switch (part.kind) {
      case AnswerPart::Kind::kCall:
        line += "[" + part.text + "|";
        break;
      case AnswerPart::Kind::kCallEnd:
        line += "]";
        break;
      default:
        line += part.text;
    }
  }
  return line;
}

std::string read(std::string_view source, std::string_view answer, size_t piece = SIZE_MAX,
                 const std::string& tools = "[]") {
  const auto format = find_tool_format(source);
  EXPECT_TRUE(format) << source;
  const auto known = tools_of(Json::parse(tools));
  const auto parser = format->parser(*known);
  std::vector<AnswerPart> all;
  for (size_t at = 0; at < answer.size(); at += std::min(piece, answer.size() - at)) {
    for (auto& part : parser->push(answer.substr(at, piece))) all.push_back(std::move(part));
  }
  for (auto& part : parser->finish()) all.push_back(std::move(part));
  return shown(all);
}

struct AnswerCase {
  std::string_view source, answer, expected;
};

void expect_all(std::span<const AnswerCase> cases, const std::string& tools = "[]") {
  for (const auto& [source, answer, expected] : cases) {
    EXPECT_EQ(read(source, answer, SIZE_MAX, tools), expected) << answer;
    for (const size_t piece : {1U, 2U, 5U})
      EXPECT_EQ(read(source, answer, piece, tools), expected) << answer << " in pieces of " << piece;
  }
}

TEST(AnswerParser, Text_WithoutCalls_IsPassedOnWhole) {
  const AnswerCase cases[] = {
      {kHermes, "", ""},
      {kHermes, " Hello,\n\nyou. \n", " Hello,\n\nyou. \n"},
      {kHermes, "a < b <tool <tool_cal", "a < b <tool <tool_cal"},
      {kLlama, "  Hello {\"name\": \"f\", \"parameters\": {}}",
       "  Hello {\"name\": \"f\", \"parameters\": {}}"},
      {kMistral, "Use [TOOL_CALLS to call.", "Use [TOOL_CALLS to call."},
      {kHarmony, "say to=functions.f loudly", "say to=functions.f loudly"},
  };
  expect_all(cases);
}

TEST(AnswerParser, CallsThatAreNone_AreText) {
  const AnswerCase cases[] = {
      {kHermes, "<tool_call> is a mark", "<tool_call> is a mark"},
      {kHermes, "<tool_call>{\"name\": 1}</tool_call>!", "<tool_call>{\"name\": 1}</tool_call>!"},
      {kHermes, "<tool_call>\n{\"name\": \"f\", \"argu", "<tool_call>\n{\"name\": \"f\", \"argu"},
      {kHermes, "<tool_call><tool_call>{\"name\": \"f\"}</tool_call>", "<tool_call>[f|{}]"},
      {kMistral, "[TOOL_CALLS]{", "[TOOL_CALLS]{"},
      {kMistralArgs, "[TOOL_CALLS]f{}", "[TOOL_CALLS]f{}"},
      {kMistralArgs, "[TOOL_CALLS]f[ARGS]x [TOOL_CALLS]g[ARGS]{}", "[TOOL_CALLS]f[ARGS]x[g|{}]"},
      {kLlama, "{\"name\": \"Bob\", \"age\": 3}", "{\"name\": \"Bob\", \"age\": 3}"},
      {kLlama, "{\"name\": \"Bob\"}", "{\"name\": \"Bob\"}"},
      {kQwenCoderCalls, "<tool_call>\n<function=f> well </tool_call>",
       "<tool_call>\n<function=f> well </tool_call>"},
  };
  expect_all(cases);
}

TEST(AnswerParser, Calls_OutOfTheOrdinary_AreRead) {
  const AnswerCase cases[] = {
      {kHermes, "Text \n<tool_call>{\"arguments\": {\"a\": 1}, \"id\": [2], \"name\": \"f\"}</tool_call>\n",
       "Text[f|{\"a\": 1}]"},
      {kHermes, "<tool_call>{\"name\": \"f\", \"arguments\": \"{\\\"a\\\": 1}\"}</tool_call> more",
       "[f|{\"a\": 1}]more"},
      {kHermes, "<tool_call>{\"name\": \"f\", \"arguments\": null}\n\nThen text", "[f|{}]Then text"},
      {kHermes, "<tool_call>{\"name\": \"f\", \"arguments\": {}}", "[f|{}]"},
      {kHermes, "<tool_call>{\"name\": \"f\", \"arguments\": {}}\n</tool_c", "[f|{}]"},
      {kMistral, "[TOOL_CALLS] [{\"name\": \"f\", \"arguments\": {}} , {\"name\": \"g\", \"arguments\": {}}]",
       "[f|{}][g|{}]"},
      {kLlama, " {\"name\": \"f\", \"parameters\": {}}", "[f|{}]"},
      {kGemmaCalls,
       "<|tool_call>call:f{a:<|\"|>it's \"q\" \n<|<|\"|>,b:{c:[1,True,None,x]},d:-1.5}<tool_call|>",
       "[f|{\"a\": \"it's \\\"q\\\" \\n<|\", \"b\": {\"c\": [1, true, null, \"x\"]}, \"d\": -1.5}]"},
      {kLfm, "<|tool_call_start|>[f(a='it\\'s\\n', b=[1, 'x'], c={'d': None}), g()]<|tool_call_end|>",
       "[f|{\"a\": \"it's\\n\", \"b\": [1, \"x\"], \"c\": {\"d\": null}}][g|{}]"},
      {kHarmony, "<|channel|>commentary to=functions.f <|constrain|>json<|message|>{\"a\": 1}<|call|>",
       "[f|{\"a\": 1}]"},
      {kHarmony, " to=functions.f<|channel|>commentary json<|message|>{\"a\": 1}", "[f|{\"a\": 1}]"},
      {kDeepSeek,
       "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁call▁end｜>\n<｜tool▁calls▁end｜>"
       "\nDone.",
       "[f|{}]Done."},
      {kDsml,
       "<｜DSML｜function_calls><｜DSML｜invoke name=\"f\"><｜DSML｜parameter name=\"a\" "
       "string=\"true\">1</｜DSML｜parameter>"
       "<｜DSML｜parameter name=\"b\" "
       "string=\"false\">1</｜DSML｜parameter></｜DSML｜invoke></｜DSML｜function_calls>",
       "[f|{\"a\": \"1\", \"b\": 1}]"},
      {kGlm, "<tool_call>f</tool_call>", "[f|{}]"},
  };
  expect_all(cases);
}

TEST(AnswerParser, CallsCutOff_AreUnfinished) {
  const AnswerCase cases[] = {
      {kHermes, "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"b", "[f|{\"a\": \"b"},
      {kHermes, "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": oops}}</tool_call>",
       "[f|{\"a\": oops}}</tool_call>"},
      {kQwenCoderCalls, "<tool_call><function=f><parameter=p>\nx\n</param", "[f|{\"p\": x\n</param"},
      {kQwenCoderCalls, "<tool_call><function=f><parameter=p>\nx\n</parameter>\n</func", "[f|{\"p\": \"x\""},
      {kDeepSeek, "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁ca", "[f|{}]"},
      {kGemmaCalls, "<|tool_call>call:f{a:<|\"|>b<|\"", "[f|{\"a\": \"b<|\\\""},
  };
  expect_all(cases);
}

TEST(AnswerParser, Parameters_AreTypedByTheToolsSchema) {
  const std::string tools =
      R"([{"type": "function", "function": {"name": "f", "parameters": {"type": "object",
    "properties": {"s": {"type": "string"}, "n": {"type": "integer"}, "e": {"enum": ["1", "2"]},
                   "o": {"anyOf": [{"type": "string"}, {"type": "null"}]}, "r": {"$ref": "#/$defs/Name"}},
    "$defs": {"Name": {"type": "string"}}}}}])";
  const auto call = [](std::string_view key, std::string_view value) {
    return "<tool_call>\n<function=f>\n<parameter=" + std::string(key) + ">\n" + std::string(value) +
           "\n</parameter>\n</function>\n</tool_call>";
  };
  const auto expect = [&](std::string_view key, std::string_view value, std::string_view json) {
    const std::string answer = call(key, value);
    const std::string expected = "[f|{\"" + std::string(key) + "\": " + std::string(json) + "}]";
    const AnswerCase cases[] = {{kQwenCoderCalls, answer, expected}};
    expect_all(cases, tools);
  };
  expect("s", "12", R"("12")");
  expect("s", "\na \"b\"\n </p>\n", R"("\na \"b\"\n </p>\n")");
  expect("s", "", R"("")");
  expect("n", "12", "12");
  expect("n", " 12 ", "12");
  expect("n", "twelve", R"("twelve")");
  expect("e", "1", R"("1")");
  expect("r", "1", R"("1")");
  expect("o", "None", "null");
  expect("o", "nothing", R"("nothing")");
  expect("o", "12", R"("12")");
  expect("o", " \"a\" ", R"("a")");
  expect("o", " \"a\" is b ", R"(" \"a\" is b ")");
  expect("unknown", "[1, 2]", "[1, 2]");
  expect("unknown", "True", "true");
  expect("unknown", "a\nb", R"("a\nb")");
}

TEST(AnswerParser, BareCalls_OfOtherTools_AreText) {
  const AnswerCase cases[] = {
      {kLlama, R"({"name": "g", "parameters": {}})", R"({"name": "g", "parameters": {}})"},
      {kLlama, R"({"name": "f", "parameters": {"a": 1}} )", R"([f|{"a": 1}])"},
  };
  expect_all(cases, R"([{"type": "function", "function": {"name": "f"}}])");
}

// Arguments reach the client while they are written, not only when they are whole.
TEST(AnswerParser, Arguments_AsTheyCome_ArePassedOn) {
  const auto format = find_tool_format(kHermes);
  const auto parser = format->parser({});
  EXPECT_TRUE(parser->push("<tool_call>{\"name\": \"f\", \"argu").empty());
  EXPECT_EQ(shown(parser->push("ments\": {\"a\": \"on")), "[f|{\"a\": \"on");
  EXPECT_EQ(shown(parser->push("ce upon")), "ce upon");
  EXPECT_EQ(shown(parser->push("\"}}")), "\"}]");
  EXPECT_EQ(shown(parser->push("</tool_call>")), "");
}

// Functionary's answers are parts, each for somebody, and go on where the prompt ends: behind >>>.
TEST(AnswerParser, PartsWithRecipients_AreTextAndCalls) {
  const std::string tools = R"([{"type": "function", "function": {"name": "f"}},
                                {"type": "function", "function": {"name": "all_of_it"}}])";
  const AnswerCase cases[] = {
      {kFunctionary, "all\nHello.\n\nYou?", "Hello.\n\nYou?"},
      {kFunctionary, "all\n", ""},
      {kFunctionary, "f\n{\"a\": 1}", "[f|{\"a\": 1}]"},
      {kFunctionary, "all\nLet me see.\n>>>f\n{\"a\": 1}>>>all_of_it\n{}\n>>>all\nDone.",
       "Let me see.[f|{\"a\": 1}][all_of_it|{}]Done."},
      {kFunctionary, "\n>>>all\nHi", "\nHi"},
      // Python's prompt, shell's, and others that are not asked for.
      {kFunctionary, "all\n>>> f\n>>>>>>f\n{}", ">>> f\n>>>[f|{}]"},
      {kFunctionary, "all\n>>>g\n{} >>>f {} >>>f", ">>>g\n{} >>>f {} >>>f"},
      {kFunctionary, "all\n>>>f\nis a name >>>f\n{\"a", ">>>f\nis a name[f|{\"a"},
      {kFunctionary, "Hello, all\nof you", "Hello, all\nof you"},
      {kFunctionary, "f\nis a name", "f\nis a name"},
      {kFunctionary, "al", "al"},
      {kFunctionary, "", ""},
  };
  expect_all(cases, tools);
}

TEST(AnswerParser, CallsOfServers_HaveTheToolsNameAlone) {
  const AnswerCase cases[] = {
      {kMiroThinker,
       "Searching.\n<use_mcp_tool>\n<server_name>search</server_name>\n<tool_name>f</"
       "tool_name>\n<arguments>\n"
       "{\"a\": \"</arguments>\"}\n</arguments>\n</use_mcp_tool>",
       "Searching.[f|{\"a\": \"</arguments>\"}]"},
      {kMiroThinker,
       "<use_mcp_tool><server_name> s </server_name><tool_name> f </tool_name> <arguments>{}</arguments>"
       "<server_name>s</server_name><tool_name>g</tool_name><arguments>{}</arguments></use_mcp_tool>!",
       "[f|{}][g|{}]!"},
      {kMiroThinker, "<use_mcp_tool> <server_name>s</server_name> <tool_name>f <arguments>{}</arguments>",
       "<use_mcp_tool> <server_name>s</server_name> <tool_name>f <arguments>{}</arguments>"},
      {kMiroThinker, "<use_mcp_tool><server_name>s</server_name> or",
       "<use_mcp_tool><server_name>s</server_name> or"},
  };
  expect_all(cases);
}

TEST(AnswerParser, DeepNesting_EndsTheCall) {
  const std::string deep(100'000, '[');
  const std::string answer = "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": " + deep + "}}</tool_call>";
  const std::string found = read(kHermes, answer);
  EXPECT_EQ(found.size(),
            answer.size() - std::string_view("<tool_call>{\"name\": \"f\", \"arguments\": ").size() + 3);
  EXPECT_EQ(found.find(']'), std::string::npos);
}

}  // namespace
}  // namespace hearth::text
