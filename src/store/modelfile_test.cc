#include "store/modelfile.h"

#include <gtest/gtest.h>

namespace hearth::store {
namespace {

std::string error_of(std::string_view text) {
  const auto file = Modelfile::parse(text);
  return file ? "none" : file.error().message();
}

TEST(Modelfile, EachCommand_IsRead) {
  const auto file = Modelfile::parse(
      "# made by hand\n"
      "\n"
      "FROM ./tiny model.gguf   \n"
      "  parameter temperature 0.7\n"
      "PARAMETER stop \"<|end|>\"\n"
      "PARAMETER stop User:\n"
      "TEMPLATE \"\"\"{{ if .System }}{{ .System }}\n"
      "{{ end }}{{ .Prompt }}\"\"\"\n"
      "System You are # not a comment\n"
      "LICENSE \"\"\"\nFirst\n\"\"\"\n"
      "license Second\n"
      "MESSAGE user Say \"hi\"\n"
      "MESSAGE assistant \"\"\"hi\n\nthere\"\"\"\n"
      "ADAPTER ./lora.gguf\n"
      "REQUIRES v0.14.0");
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->from, "./tiny model.gguf");
  ASSERT_EQ(file->parameters.size(), 3U);
  EXPECT_EQ(file->parameters[0].name, "temperature");
  EXPECT_EQ(file->parameters[0].value, "0.7");
  EXPECT_EQ(file->parameters[0].line, 4U);
  EXPECT_EQ(file->parameters[1].value, "<|end|>");
  EXPECT_EQ(file->parameters[2].value, "User:");
  EXPECT_EQ(file->template_source, "{{ if .System }}{{ .System }}\n{{ end }}{{ .Prompt }}");
  EXPECT_EQ(file->system, "You are # not a comment");
  EXPECT_EQ(file->licenses, (std::vector<std::string>{"\nFirst\n", "Second"}));
  ASSERT_EQ(file->messages.size(), 2U);
  EXPECT_EQ(file->messages[0].content, "Say \"hi\"");
  EXPECT_EQ(file->messages[1].role, "assistant");
  EXPECT_EQ(file->messages[1].content, "hi\n\nthere");
  EXPECT_EQ(file->adapters, std::vector<std::string>{"./lora.gguf"});
  EXPECT_EQ(file->requires_version, "0.14.0");
}

TEST(Modelfile, Quotes_EndAtTheEndOfALine) {
  const auto system = [](std::string_view value) {
    const auto file = Modelfile::parse("FROM x\nSYSTEM " + std::string(value) + "\n");
    return file ? file->system.value_or("absent") : file.error().message();
  };
  EXPECT_EQ(system("\"\""), "");
  EXPECT_EQ(system("\"\"\"\"\"\""), "");
  EXPECT_EQ(system("\"one\"  "), "one");
  EXPECT_EQ(system("\"say \"hi\" twice\""), "say \"hi\" twice");
  EXPECT_EQ(system("\"one\ntwo\""), "one\ntwo");
  EXPECT_EQ(system("\"\"\"one \"\"\" two\"\"\""), "one \"\"\" two");
  EXPECT_EQ(system("\"\"\" kept \"\"\""), " kept ");
  EXPECT_EQ(system("not \"quoted\""), "not \"quoted\"");
  EXPECT_EQ(system("\"\"\"a\r\nb\"\"\"\r"), "a\r\nb");
}

TEST(Modelfile, LastOfASingleCommand_IsMeant) {
  const auto file = Modelfile::parse(
      "\xEF\xBB\xBF"
      "from x\nSYSTEM a\nsystem b\nTEMPLATE \"\"\n");
  ASSERT_TRUE(file) << file.error().message();
  EXPECT_EQ(file->system, "b");
  EXPECT_EQ(file->template_source, "");
}

TEST(Modelfile, WhatIsWrong_IsToldWithItsLine) {
  EXPECT_EQ(error_of(""), "Modelfile: expected a line FROM, found none");
  EXPECT_EQ(error_of("# FROM x\n"), "Modelfile: expected a line FROM, found none");
  const std::vector<std::pair<std::string, const char*>> cases{
      {"FROM x\nNONSENSE y\n", "line 2: expected FROM, PARAMETER"},
      {"FROM\n", "line 1: expected a value"},
      {"FROM \"\"\n", "line 1: FROM"},
      {"FROM x\n\nPARAMETER\n", "line 3: PARAMETER: expected two values"},
      {"FROM x\nPARAMETER top_k\n", "line 2: expected a value"},
      {"FROM x\nMESSAGE robot hi\n", "line 2: MESSAGE: expected system, user or assistant, found \"robot\""},
      {"FROM x\nSYSTEM \"\"\"a\nb\nc", "line 2: expected \"\"\" at the end of a line"},
      {"FROM x\nSYSTEM \"a\n", "line 2: expected \" at the end of a line"},
      {"FROM x\nFROM y\n", "line 2: expected one FROM"},
      {"FROM x\nREQUIRES soon\n", "line 2: requires: expected a version"},
      {"FROM x\nREQUIRES 0.999.0\n", "line 2: it requires Ollama 0.999.0"},
      {"FROM x\nDRAFT y\n", "line 2: DRAFT is not part of this version"},
      {"FROM x\nrenderer y\n", "line 2: RENDERER is not part of this version"},
      {"FROM x\nPARSER y\n", "line 2: PARSER is not part of this version"},
      {"FROM x\nSYSTEM \xff\n", "line 2: expected UTF-8"},
      {std::string("FROM x\nSYSTEM a\0b\n", 18), "line 2: expected a text, found a NUL"}};
  for (const auto& [text, message] : cases)
    EXPECT_NE(error_of(text).find(message), std::string::npos) << error_of(text);
}

TEST(Modelfile, TooMuch_IsRefused) {
  std::string many = "FROM x\n";
  for (size_t i = 0; i < kMaxModelfileCommands; ++i) many += "LICENSE y\n";
  EXPECT_EQ(Modelfile::parse(many).error().code(), ErrorCode::kResourceExhausted);
  EXPECT_EQ(Modelfile::parse(std::string(kMaxModelfileBytes + 1, '#')).error().code(),
            ErrorCode::kResourceExhausted);
}

TEST(Modelfile, QuotedText_IsReadAsTheSame) {
  for (const std::string text : {"", "plain", " blanks ", "two\nlines\n", "\"", "ends in \"", "\"\"begins",
                                 "a \"\"\" b", "# no comment\nFROM y", "\ttab\r\n", "last \"\"\""}) {
    const auto quoted = modelfile_quoted(text);
    ASSERT_TRUE(quoted) << text;
    const auto file = Modelfile::parse("FROM x\nSYSTEM " + *quoted + "\nLICENSE l\n");
    ASSERT_TRUE(file) << file.error().message();
    EXPECT_EQ(file->system, text);
    EXPECT_EQ(file->licenses.size(), 1U);
  }
  EXPECT_FALSE(modelfile_quoted("a\"\"\"\nb"));
  EXPECT_FALSE(modelfile_quoted(std::string("\0", 1)));
}

}  // namespace
}  // namespace hearth::store
