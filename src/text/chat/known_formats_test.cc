#include "text/chat/known_formats.h"

#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/support/test_data.h"
#include "text/chat/chat_format.h"
#include "text/tokenizer/test_vocabularies.h"

namespace hearth::text {
namespace {

using Json = nlohmann::ordered_json;

std::unique_ptr<const Tokenizer> tokenizer_with(const std::vector<std::string>& marks,
                                                bool sentencepiece = false) {
  TestVocabulary vocabulary = sentencepiece ? sentencepiece_vocabulary() : byte_level_vocabulary();
  for (const std::string& mark : marks) vocabulary.add(mark, TokenType::kControl);
  return vocabulary.create();
}

struct Family {
  const char* name;
  std::vector<std::string> marks;
  bool sentencepiece = false;
  const char* golden = nullptr;    // a published template of the family
  std::vector<const char*> cases;  // on which both must agree
};

// Where a case is left out, the published template says more than the family's format: a date, an empty
// thought.
const std::vector<Family>& families() {
  static const std::vector<Family> all{
      {"ChatML",
       {"<|im_start|>", "<|im_end|>"},
       false,
       "d287fb2edf14-Qwen3-Coder.jinja",
       {"user", "system_user", "multi_turn", "no_generation_prompt"}},
      {"Gemma",
       {"<start_of_turn>", "<end_of_turn>"},
       false,
       "ac03dcb3b097-gemma3n.jinja",
       {"user", "system_user", "multi_turn", "no_generation_prompt"}},
      {"GLM-4",
       {"[gMASK]", "<sop>", "<|user|>", "<|assistant|>"},
       false,
       "8804f445c761-GLM-4.6.jinja",
       {"user", "system_user"}},
      {"Phi-3",
       {"<|user|>", "<|assistant|>", "<|end|>"},
       false,
       "78d976a442bc-microsoft-Phi-3.5-mini-instruct.jinja",
       {"user", "system_user", "multi_turn"}},
      {"Granite 3",
       {"<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"},
       false,
       "d7f1fa467948-granite-3.0-instruct.jinja",
       {"user", "system_user", "multi_turn", "no_generation_prompt"}},
      {"DeepSeek",
       {"<｜User｜>", "<｜Assistant｜>"},
       false,
       "bbe594884b44-deepseek-ai-DeepSeek-R1-Distill-Qwen-32B.jinja",
       {"no_generation_prompt"}},
      {"Mistral V7",
       {"[INST]", "[/INST]", "[SYSTEM_PROMPT]"},
       false,
       "1c81156eb793-v7.jinja",
       {"user", "system_user", "multi_turn", "no_generation_prompt"}},
      {"Mistral V3 Tekken",
       {"[INST]", "[/INST]"},
       false,
       "b00c099a0f2f-mistral_nemo_tool_call.jinja",
       {"user", "system_user", "multi_turn", "no_generation_prompt"}},
      {"Mistral V3",
       {"[INST]", "[/INST]"},
       true,
       "fd9e52b9a8c9-v3_spm.jinja",
       {"user", "system_user", "multi_turn", "no_generation_prompt"}},
  };
  return all;
}

TEST(KnownFormats, VocabularyOfTheFamily_IsRecognised) {
  for (const Family& family : families()) {
    const auto found = find_known_format(*tokenizer_with(family.marks, family.sentencepiece));
    ASSERT_TRUE(found) << family.name;
    EXPECT_EQ(found->name, family.name);
  }
}

TEST(KnownFormats, VocabularyWithoutMarks_IsNone) {
  EXPECT_FALSE(find_known_format(*tokenizer_with({})));
  EXPECT_FALSE(find_known_format(*tokenizer_with({"<|im_start|>", "<|user|>"})));
}

// Against what Python's Jinja2 makes of the families' published templates.
TEST(KnownFormats, Render_EqualsThePublishedTemplates) {
  HEARTH_NEEDS_TEST_DATA(folder, "templates");
  const Json all = Json::parse(hearth::testing::read_file(folder / "cases.json"));
  std::map<std::pair<std::string, std::string>, std::string> expected;
  std::istringstream rows(hearth::testing::read_file(folder / "expected.jsonl"));
  for (std::string line; std::getline(rows, line);) {
    const Json row = Json::parse(line);
    if (row.contains("expected")) expected[{row.at("template"), row.at("case")}] = row.at("expected");
  }
  for (const Family& family : families()) {
    const auto tokenizer = tokenizer_with(family.marks, family.sentencepiece);
    const auto format = ChatFormat::create(find_known_format(*tokenizer)->source, family.name, *tokenizer);
    ASSERT_TRUE(format) << format.error().message();
    for (const char* name : family.cases) {
      Json context = all.at("base");
      context.update(all.at("cases").at(name));
      const auto value = value_from_json(context.dump());
      ASSERT_TRUE(value);
      const auto text = format->render(*value);
      ASSERT_TRUE(text) << text.error().message();
      EXPECT_EQ(*text, expected.at({family.golden, name})) << family.name << ", " << name;
    }
  }
}

// The formats as their makers document them.
TEST(KnownFormats, Render_EqualsTheDocumentation) {
  const std::vector<ChatMessage> messages{{"system", "S"}, {"user", "U"}, {"assistant", "A"}, {"user", "V"}};
  const auto rendered = [&](const std::vector<std::string>& marks) {
    const auto tokenizer = tokenizer_with(marks);
    const auto format = ChatFormat::create(find_known_format(*tokenizer)->source, "t", *tokenizer);
    EXPECT_TRUE(format);
    const auto text = format->render(conversation_context(messages));
    return text ? *text : text.error().message();
  };
  EXPECT_EQ(rendered({"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}),
            "<|start_header_id|>system<|end_header_id|>\n\nS<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nU<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\nA<|eot_id|>"
            "<|start_header_id|>user<|end_header_id|>\n\nV<|eot_id|>"
            "<|start_header_id|>assistant<|end_header_id|>\n\n");
  EXPECT_EQ(
      rendered({"<|im_start|>", "<|im_end|>"}),
      "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\nA<|im_end|>\n"
      "<|im_start|>user\nV<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(rendered({"<|START_OF_TURN_TOKEN|>", "<|CHATBOT_TOKEN|>", "<|END_OF_TURN_TOKEN|>"}),
            "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>S<|END_OF_TURN_TOKEN|>"
            "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>U<|END_OF_TURN_TOKEN|>"
            "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>A<|END_OF_TURN_TOKEN|>"
            "<|START_OF_TURN_TOKEN|><|USER_TOKEN|>V<|END_OF_TURN_TOKEN|>"
            "<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>");
}

}  // namespace
}  // namespace hearth::text
