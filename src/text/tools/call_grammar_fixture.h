// The grammars of real templates' calls, and what the templates write for them.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <set>

#include "text/grammar/grammar_fixture.h"
#include "text/tools/template_calls_fixture.h"

namespace hearth::text::call_grammars {

using grammar::GrammarBuilder;
using grammar::GrammarUnderTest;
using template_calls::Case;
using template_calls::Json;

using Calls = std::vector<std::pair<std::string, Json>>;

// Of random tests, for each format; more where HEARTH_CALL_ROUNDS says so.
inline uint32_t n_rounds() {
  const char* rounds = std::getenv("HEARTH_CALL_ROUNDS");
  return rounds == nullptr ? 2 : static_cast<uint32_t>(std::strtoul(rounds, nullptr, 10));
}

// The grammar of a template's answers; null, and a failure, where there is none.
inline std::unique_ptr<GrammarUnderTest> grammar_of(std::string_view source, const Json& tools,
                                                    const ToolUse& use) {
  const auto format = find_tool_format(source);
  const auto known = tools_of(tools);
  if (!format || !known) {
    ADD_FAILURE() << "no format, or " << (known ? "" : known.error().message());
    return nullptr;
  }
  GrammarBuilder builder;
  const auto answer = format->add_answer(builder, *known, use);
  if (!answer) {
    ADD_FAILURE() << answer.error().message();
    return nullptr;
  }
  auto grammar = builder.build(*answer);
  if (!grammar) {
    ADD_FAILURE() << grammar.error().message();
    return nullptr;
  }
  return std::make_unique<GrammarUnderTest>(*grammar);
}

// The calls of what a template wrote, without what stands around them.
inline std::string only_calls(const ToolFormat& format, const std::string& written) {
  const bool bare = format.name() == "Llama 3";
  size_t begin = bare ? written.find('{') : std::string::npos;
  if (!bare) {
    for (const std::string& mark : format.marks()) {
      begin = written.find(mark);
      if (begin != std::string::npos) break;
    }
  }
  if (begin == std::string::npos) return {};
  size_t end = written.size();
  for (const std::string_view after :
       {"</s>", "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>", "<turn|>",
        "<｜end▁of▁sentence｜>", "<|message_sep|>", "[e~[", "<|END_OF_TURN_TOKEN|>",
        "<|START_OF_TURN_TOKEN|>", "<sep>", "<SPECIAL_12>", "<|observation|>", "<|end|>"}) {
    end = std::min(end, written.find(after, begin));
  }
  // The prompt ends with a part's mark.
  if (!format.text_begin().empty()) begin += format.marks().front().size();
  const std::string calls = written.substr(begin, end - begin);
  return calls.substr(0, calls.find_last_not_of(" \n") + 1);
}

class TemplateUnderTest {
 public:
  TemplateUnderTest(std::string source, const Case& known)
      : source_(std::move(source)), known_(known), format_(find_tool_format(source_)) {}

  const std::string& source() const { return source_; }
  Json tools() const { return template_calls::tools(source_); }

  const ToolFormat& format() const { return *format_; }

  std::string write(const Calls& calls) const {
    const auto written = template_calls::write_calls(source_, known_, "", calls);
    EXPECT_TRUE(written) << written.error().message();
    return written ? only_calls(*format_, written->text) : "";
  }

 private:
  std::string source_;
  const Case& known_;
  std::unique_ptr<const ToolFormat> format_;
};

inline void visit_templates(const std::function<void(const TemplateUnderTest&, const Case&)>& visit,
                            bool one_of_a_format) {
  const std::filesystem::path folder = testing::test_data_folder() / "templates";
  std::set<std::string_view> seen;
  for (const auto& [name, source] : template_calls::templates(folder)) {
    const Case* known = template_calls::find_case(name);
    if (known == nullptr || known->n_calls == 0) continue;
    if (one_of_a_format && !seen.insert(known->format).second) continue;
    SCOPED_TRACE(name);
    visit(TemplateUnderTest(source, *known), *known);
  }
}

}  // namespace hearth::text::call_grammars
