// Each syntax against what the templates write that teach it.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

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

// `first` bytes, and then pieces of so many.
Read read(const ToolFormat& format, std::string_view answer, size_t first, size_t piece) {
  static const auto tools = tools_of(template_calls::tools());
  const auto parser = format.parser(*tools);
  Read found;
  for (size_t at = 0; at < answer.size(); at += at == 0 ? first : piece)
    add(found, parser->push(answer.substr(at, at == 0 ? first : piece)));
  add(found, parser->finish());
  return found;
}

Read read(const ToolFormat& format, std::string_view answer, size_t piece) {
  return read(format, answer, piece, piece);
}

void expect_calls(const Case& known, const Read& found, const template_calls::Written& written) {
  ASSERT_EQ(found.calls.size(), written.calls.size()) << known.name << '\n'
                                                      << written.text << '\n'
                                                      << found.text;
  EXPECT_EQ(found.n_ended, found.calls.size()) << known.name << '\n' << written.text;
  for (size_t i = 0; i < found.calls.size(); ++i) {
    EXPECT_EQ(found.calls[i].first, written.calls[i].first) << known.name;
    const auto arguments = nlohmann::json::parse(found.calls[i].second, nullptr, false);
    EXPECT_EQ(arguments, nlohmann::json(written.calls[i].second)) << known.name << '\n'
                                                                  << written.text << '\n'
                                                                  << found.calls[i].second;
  }
}

TEST(KnownSyntaxes, Templates_EveryOne_HasTheFormatThatItTeaches) {
  HEARTH_NEEDS_TEST_DATA(folder, "templates");
  size_t n_known = 0;
  for (const auto& [name, source] : template_calls::templates(folder)) {
    const Case* known = template_calls::find_case(name);
    const auto format = find_tool_format(source);
    n_known += static_cast<size_t>(format != nullptr);
    EXPECT_EQ(format ? format->name() : "", known != nullptr ? known->format : "") << name;
  }
  EXPECT_EQ(n_known, std::size(template_calls::kCases));
}

TEST(KnownSyntaxes, Parser_WhatTemplatesWrite_IsTheCallsWhereverItIsCut) {
  HEARTH_NEEDS_TEST_DATA(folder, "templates");
  std::set<std::string_view> split;
  for (const auto& [name, source] : template_calls::templates(folder)) {
    const Case* known = template_calls::find_case(name);
    if (known == nullptr || known->n_calls == 0) continue;
    const auto format = find_tool_format(source);
    ASSERT_TRUE(format) << name;
    auto written = template_calls::write_calls(source, *known, "", template_calls::calls_of(source, *known));
    ASSERT_TRUE(written) << name << written.error().message();
    // The turn of an answer without marks begins it.
    if (known->format == "Llama 3") written->text.erase(0, written->text.find('{'));
    const Read whole = read(*format, written->text, written->text.size());
    expect_calls(*known, whole, *written);
    EXPECT_EQ(whole.text.find("get_weather"), std::string::npos) << name << whole.text;
    for (const size_t piece : {1U, 2U, 3U, 7U, 16U}) {
      EXPECT_EQ(read(*format, written->text, piece), whole) << name << " in pieces of " << piece;
    }
    // One template of a format is cut in two everywhere.
    if (!split.insert(known->format).second) continue;
    for (size_t at = 1; at < written->text.size(); ++at) {
      ASSERT_EQ(read(*format, written->text, at, written->text.size()), whole)
          << name << " cut behind " << written->text.substr(0, at);
    }
  }
}

}  // namespace
}  // namespace hearth::text
