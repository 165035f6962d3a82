// Each syntax against what the templates write that teach it.
#include <gtest/gtest.h>

#include <algorithm>

#include "text/tools/template_calls_fixture.h"

namespace hearth::text {
namespace {

using template_calls::Case;
using template_calls::Json;

// What the parts of an answer come to, however it was cut.
struct Read {
  std::string text;
  std::vector<std::pair<std::string, std::string>> calls;
  size_t n_ended = 0;
  bool operator==(const Read&) const = default;
};

void add(Read& read, const std::vector<AnswerPart>& parts) {
  for (const AnswerPart& part : parts) {
    switch (part.kind) {
      case AnswerPart::Kind::kText:
        read.text += part.text;
        break;
      case AnswerPart::Kind::kCall:
        read.calls.emplace_back(part.text, "");
        break;
      case AnswerPart::Kind::kArguments:
        ASSERT_FALSE(read.calls.empty());
        read.calls.back().second += part.text;
        break;
      case AnswerPart::Kind::kCallEnd:
        ++read.n_ended;
        break;
    }
  }
}

Read read(const ToolFormat& format, std::string_view answer, size_t piece) {
  const auto tools = tools_of(template_calls::tools());
  const auto parser = format.parser(*tools);
  Read found;
  for (size_t at = 0; at < answer.size(); at += piece) add(found, parser->push(answer.substr(at, piece)));
  add(found, parser->finish());
  return found;
}

void expect_calls(const Case& known, const Read& found, const template_calls::Written& written) {
  ASSERT_EQ(found.calls.size(), written.calls.size()) << known.file << '\n'
                                                      << written.text << '\n'
                                                      << found.text;
  EXPECT_EQ(found.n_ended, found.calls.size()) << known.file << '\n' << written.text;
  for (size_t i = 0; i < found.calls.size(); ++i) {
    EXPECT_EQ(found.calls[i].first, written.calls[i].first) << known.file;
    const auto arguments = nlohmann::json::parse(found.calls[i].second, nullptr, false);
    EXPECT_EQ(arguments, nlohmann::json(written.calls[i].second)) << known.file << '\n'
                                                                  << written.text << '\n'
                                                                  << found.calls[i].second;
  }
}

TEST(KnownSyntaxes, Templates_EveryOne_HasTheFormatThatItTeaches) {
  HEARTH_NEEDS_TEST_DATA(folder, "templates");
  size_t n_known = 0;
  for (const auto& file : template_calls::files(folder)) {
    const Case* known = template_calls::find_case(file.filename().string());
    const auto format = find_tool_format(testing::read_file(file));
    n_known += static_cast<size_t>(format != nullptr);
    EXPECT_EQ(format ? format->name() : "", known != nullptr ? known->format : "") << file;
  }
  EXPECT_EQ(n_known, std::size(template_calls::kCases));
}

TEST(KnownSyntaxes, Parser_WhatTemplatesWrite_IsTheCallsWhereverItIsCut) {
  HEARTH_NEEDS_TEST_DATA(folder, "templates");
  for (const auto& file : template_calls::files(folder)) {
    const Case* known = template_calls::find_case(file.filename().string());
    if (known == nullptr || known->n_calls == 0) continue;
    const std::string source = testing::read_file(file);
    const auto format = find_tool_format(source);
    ASSERT_TRUE(format) << file;
    auto written = template_calls::write_calls(source, *known, "", template_calls::calls_of(source, *known));
    ASSERT_TRUE(written) << file << written.error().message();
    // The turn of an answer without marks begins it.
    if (known->format == "Llama 3") written->text.erase(0, written->text.find('{'));
    const Read whole = read(*format, written->text, written->text.size());
    expect_calls(*known, whole, *written);
    EXPECT_EQ(whole.text.find("get_weather"), std::string::npos) << file << whole.text;
    for (const size_t piece : {1U, 2U, 3U, 7U, 16U}) {
      EXPECT_EQ(read(*format, written->text, piece), whole) << file << " in pieces of " << piece;
    }
  }
}

}  // namespace
}  // namespace hearth::text
