#include "text/chat/template_switches.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/support/test_data.h"
#include "text/chat/conversation.h"
#include "text/chat/reasoning.h"
#include "text/chat_template/chat_template.h"

namespace hearth::text {
namespace {

using Json = nlohmann::ordered_json;
using Switches = std::vector<std::pair<std::string, Value>>;

// "enable_thinking=true reasoning_effort=high"
std::string text_of(const Switches& switches) {
  std::string text;
  for (const auto& [name, value] : switches) {
    std::string shown;
    if (value.is_string()) {
      shown = value.as_string();
    } else if (value.is(Value::Kind::kBool)) {
      shown = value.as_bool() ? "true" : "false";
    } else {
      shown = std::to_string(value.as_int());
    }
    text += (text.empty() ? "" : " ") + name + "=" + shown;
  }
  return text;
}

TEST(ThinkSwitches, NamesThatATemplateReads_AreSet) {
  EXPECT_EQ(text_of(think_switches("{% if enable_thinking %}<think>{% endif %}", true, "")),
            "enable_thinking=true");
  EXPECT_EQ(text_of(think_switches("{{ x if not thinking is defined }}", false, "low")), "thinking=false");
  EXPECT_EQ(text_of(think_switches("{% set reasoning = reasoning or true %}", false, "")), "reasoning=false");
  EXPECT_EQ(text_of(think_switches("{{ thinking_budget }}", false, "")), "thinking_budget=0");
  EXPECT_EQ(text_of(think_switches("{{ thinking_budget }}", true, "high")), "");
}

TEST(ThinkSwitches, NamesThatAreNotOfTheContext_AreNotSet) {
  for (const char* source :
       {"{{ message.thinking }}", "{{ 'thinking' }} thinking", "{% set thinking = true %}{{ thinking }}",
        "{% set ns = namespace(enable_thinking=true) %}{{ ns.enable_thinking }}", "{# thinking #}",
        "{% set thinking %}x{% endset %}{{ thinking }}", "{% if thinking", ""}) {
    EXPECT_EQ(text_of(think_switches(source, true, "high")), "") << source;
    EXPECT_FALSE(template_knows_thinking(source)) << source;
  }
}

TEST(ThinkSwitches, Effort_IsAWordOfTheTemplate) {
  const char* free = "{{ 'Reasoning: ' + reasoning_effort }}";
  EXPECT_EQ(text_of(think_switches(free, true, "medium")), "reasoning_effort=medium");
  EXPECT_EQ(text_of(think_switches(free, true, "")), "") << "its own default";
  EXPECT_EQ(text_of(think_switches(free, false, "high")), "reasoning_effort=low");
  const char* choosy =
      "{% if reasoning_effort not in ['none', 'high'] %}{{ raise_exception('') }}{% endif %}";
  EXPECT_EQ(text_of(think_switches(choosy, true, "medium")), "reasoning_effort=high");
  EXPECT_EQ(text_of(think_switches(choosy, true, "")), "reasoning_effort=high");
  EXPECT_EQ(text_of(think_switches(choosy, false, "")), "reasoning_effort=none");
  EXPECT_EQ(text_of(think_switches("{{ reasoning_effort in ['low', 'minimal'] }}", false, "")),
            "reasoning_effort=minimal");
}

TEST(TemplateKnowsTools, OnlyWhereItReadsThem) {
  EXPECT_TRUE(template_knows_tools("{% if tools %}{{ tools | tojson }}{% endif %}"));
  EXPECT_TRUE(template_knows_tools("{% set tools = tools or [] %}"));
  EXPECT_TRUE(template_knows_tools("{% if a %}{% set tools = a %}{% endif %}{{ tools }}"));
  EXPECT_FALSE(template_knows_tools("{{ messages[0].tools }} tools"));
  EXPECT_FALSE(template_knows_tools("{% set tools = [] %}{{ tools }}"));
}

// What each of the published templates is found to know.
struct Expected {
  const char* file;
  const char* open;  // the mark that opens the thinking; "" for none
  bool tools;
  const char* switches;  // for thinking with medium effort
  // Whether the answer begins inside the thinking: as the template does by itself, told to think, told not
  // to. 't' or 'f'.
  const char* begins;
};

const std::vector<Expected> kPublished{
    {"039a4710e2aa-unsloth-mistral-Devstral-Small-2507", "", true, "", ""},
    {"0834a087ccf4-phi-3-small", "", false, "", ""},
    {"08361df082b3-llama-2-chat", "", false, "", ""},
    {"10490379c20a-MiMo-VL", "", true, "", ""},
    {"11e23a6f0564-v7_spm", "", true, "", ""},
    {"19eacf645690-HuggingFaceTB-SmolLM3-3B", "<think>", false, "enable_thinking=true", "fff"},
    {"1c81156eb793-v7", "", true, "", ""},
    {"1d396d5b128c-Kimi-K2-Instruct", "", true, "", ""},
    {"2294f49b51a0-LFM2-8B-A1B", "", true, "", ""},
    {"2d2ca0f62fb2-v2", "", true, "", ""},
    {"2ea58abc12c2-falcon-instruct", "", false, "", ""},
    {"2f5ce4b3c1e0-Apriel-1.6-15b-Thinker-fixed", "Here are my reasoning steps:", true, "", "ttt"},
    {"2fc9dbfaea55-meetkai-functionary-medium-v3.1", "", true, "", ""},
    {"304f0d64aa3b-GigaChat3.1-10B-A1.8B", "", true, "", ""},
    {"32bbc801fbb9-v13_image_think", "[THINK]", true, "", "fff"},
    {"3982464ecf49-smollm3", "<think>", false, "enable_thinking=true", "fff"},
    {"39f03c383413-mistralai-Ministral-3-14B-Reasoning-2512", "[THINK]", true, "", "fff"},
    {"3c71df5f6599-ibm-granite-granite-3.3-2B-Instruct", "<think>", true, "thinking=true", "fff"},
    {"4028aa8395b6-v7_audio", "", true, "", ""},
    {"4048b56ec9cc-vicuna", "", false, "", ""},
    {"4618a1ec1a34-upstage-Solar-Open-100B", "<|think|>", true, "reasoning_effort=medium", "fff"},
    {"52ae8e50fa08-NVIDIA-Nemotron-Nano-v2", "<think>", true, "", "ttt"},
    {"546b04dba749-Reka-Edge", "<think>", true, "enable_thinking=true", "ftf"},
    {"5816fce10444-meta-llama-Llama-3.2-3B-Instruct", "", true, "", ""},
    {"5b8f31f11198-Mistral-Small-3.2-24B-Instruct-2506", "", true, "", ""},
    {"5c7c96c27cfe-meetkai-functionary-medium-v3.2", "", true, "", ""},
    {"5ed15374ce53-Qwen-QwQ-32B", "<think>", true, "enable_thinking=true", "ftf"},
    {"6274dc2eaa7f-v11_think", "<think>", true, "", "fff"},
    {"65f93a25708c-google-gemma-4-31B-it-interleaved", "<|channel>thought", true, "enable_thinking=true",
     "fff"},
    {"66cab0fd568c-mistral-instruct", "", false, "", ""},
    {"6d65c8804847-LFM2.5-8B-A1B", "<think>", true, "", "fff"},
    {"701c08f6aed6-v1", "", false, "", ""},
    {"71cb9b4b8bb2-mistral_small_tool_call", "", true, "", ""},
    {"72ca41d296c1-synthetic-deepseek-v3.2-dsml", "", false, "", ""},
    {"78d976a442bc-microsoft-Phi-3.5-mini-instruct", "", false, "", ""},
    {"7ce09d55d369-NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", "", true, "", ""},
    {"81a800d52014-chatml", "", false, "", ""},
    {"831b0dd2199b-v7_image", "", true, "", ""},
    {"8544f7729994-MiroThinker", "<think>", true, "enable_thinking=true", "fff"},
    {"87a2728cb8dc-Qwen-Qwen3-0.6B", "<think>", true, "enable_thinking=true", "fff"},
    {"8804f445c761-GLM-4.6", "<think>", true, "enable_thinking=true", "fff"},
    {"8e5a13fcc4bd-deepseek-ai-DeepSeek-V3.2", "<think>", true, "enable_thinking=true thinking=true", "ftf"},
    {"9524df67b77a-ibm-granite-granite-4.0", "", true, "", ""},
    {"95643f3d5c9d-v1_spm", "", false, "", ""},
    {"967ff7e38767-MiniMax-M2", "<think>", true, "", "ttt"},
    {"9b1e8d757c66-v13_think", "[THINK]", true, "", "fff"},
    {"9fcc72b7c248-moonshotai-Kimi-K2", "", true, "", ""},
    {"a30b8c4531dd-Bielik-11B-v3.0-Instruct", "<think>", true, "enable_thinking=true", "ftf"},
    {"a41f4cf24c71-zephyr", "", false, "", ""},
    {"a4aee8afcf2e-Qwen3.5-4B", "<think>", true, "enable_thinking=true", "ttf"},
    {"a4c9919cbbd4-openai-gpt-oss-120b", "<|channel|>analysis<|message|>", true, "reasoning_effort=medium",
     "fff"},
    {"abf1dd07919b-saiga", "", false, "", ""},
    {"ac03dcb3b097-gemma3n", "", false, "", ""},
    {"b00c099a0f2f-mistral_nemo_tool_call", "", true, "", ""},
    {"b331cc818029-openchat-3.5", "", false, "", ""},
    {"b3e1d4164e18-v3_image_spm", "", true, "", ""},
    {"b43a44686706-v11_image_think", "<think>", true, "", "fff"},
    {"bbe594884b44-deepseek-ai-DeepSeek-R1-Distill-Qwen-32B", "<think>", false, "enable_thinking=true",
     "ftf"},
    {"bf9e9ee8c0f2-CohereForAI-c4ai-command-r-plus-tool_use", "", true, "", ""},
    {"c6844dba16a0-v13_audio", "", true, "", ""},
    {"c809acafb591-alpaca", "", false, "", ""},
    {"cc60b5532793-CohereForAI-c4ai-command-r7b-12-2024-tool_use", "<|START_THINKING|>", true,
     "enable_thinking=true", "fff"},
    {"ccd8297e6bb9-v13_image", "", true, "", ""},
    {"ce62e308475b-nousresearch_hermes2_pro_tool_use", "", true, "", ""},
    {"ceaa937bdcc6-chatqa", "", false, "", ""},
    {"d287fb2edf14-Qwen3-Coder", "", true, "", ""},
    {"d7f1fa467948-granite-3.0-instruct", "", true, "", ""},
    {"d8366efb9f07-Cohere2MoE", "<|START_THINKING|>", true, "reasoning=true reasoning_effort=high", "ttf"},
    {"d9f5f351b276-deepseek-ai-DeepSeek-V3.1", "<think>", false, "enable_thinking=true thinking=true", "ftf"},
    {"dd2675619a64-deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "<think>", false, "", "ttt"},
    {"dea688e9f24a-Apertus-8B-Instruct", "<|inner_prefix|>", true, "enable_thinking=true", "fff"},
    {"e10ca381b1cc-meta-llama-Llama-3.1-8B-Instruct", "", true, "", ""},
    {"e64b9d1edb77-llama-3-instruct", "", false, "", ""},
    {"e70723034f09-llama-cpp-rwkv-world", "<think>", false, "enable_thinking=true", "ftf"},
    {"eb168fa3c936-v7_image_spm", "", true, "", ""},
    {"eedfb4650069-deepseek_tool_call", "", true, "", ""},
    {"f05bf4b967dc-LFM2.5-Instruct", "<think>", true, "", "fff"},
    {"f088305cdf86-v15_image", "", true, "reasoning_effort=high", ""},
    {"f777778f775a-GLM-4.6", "<think>", true, "enable_thinking=true", "fff"},
    {"fae87682d355-unsloth-Apriel-1.5", "Here are my reasoning steps:", true, "add_thoughts=true", "fff"},
    {"fbc1b84f673f-v15_audio", "", true, "reasoning_effort=high", ""},
    {"fcb749f5c5d6-fireworks-ai-llama-3-firefunction-v2", "", false, "", ""},
    {"fd9e52b9a8c9-v3_spm", "", true, "", ""},
    {"fed2756d2d24-ibm-granite-granite-4.1", "", true, "", ""},
    {"ff9922c622b4-v13", "", true, "", ""},
};

TEST(PublishedTemplates, AreFoundToKnowWhatTheySay) {
  HEARTH_NEEDS_TEST_DATA(folder, "templates");
  const Json all = Json::parse(hearth::testing::read_file(folder / "cases.json"));
  Json base = all.at("base");
  base.update(all.at("cases").at("user"));
  const Value user = value_from_json(base.dump()).value();
  size_t n_files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".jinja") continue;
    ++n_files;
    const std::string file = entry.path().filename();
    const std::string source = hearth::testing::read_file(entry.path());
    const auto format = find_reasoning_format(source);
    const auto parsed = ChatTemplate::parse(source, file);
    ASSERT_TRUE(parsed) << parsed.error().message();
    std::string begins;
    if (format) {
      for (const Switches& switches :
           {Switches{}, think_switches(source, true, "medium"), think_switches(source, false, "")}) {
        const auto text = parsed->render(with_defaults(user, switches));
        ASSERT_TRUE(text) << file << ": " << text.error().message();
        begins += begins_thinking(*format, *text) ? 't' : 'f';
      }
    }
    const std::string open = format ? format->open : "";
    const std::string switches = text_of(think_switches(source, true, "medium"));
    const std::string name = entry.path().stem();
    const auto row = std::find_if(kPublished.begin(), kPublished.end(),
                                  [&](const Expected& expected) { return name.starts_with(expected.file); });
    if (row == kPublished.end()) {
      ADD_FAILURE() << fmt::format("{{\"{}\", \"{}\", {}, \"{}\", \"{}\"}},", name, open,
                                   template_knows_tools(source), switches, begins);
      continue;
    }
    EXPECT_EQ(open, row->open) << file;
    EXPECT_EQ(template_knows_tools(source), row->tools) << file;
    EXPECT_EQ(switches, row->switches) << file;
    EXPECT_EQ(begins, row->begins) << file;
    EXPECT_EQ(template_knows_thinking(source), format.has_value() || !switches.empty());
  }
  EXPECT_EQ(n_files, kPublished.size());
}

TEST(TemplateSwitches, OfTemplatesInGosLanguage_AreTheFieldsThatTheyName) {
  constexpr std::string_view kThinking =
      "{{ range .Messages }}{{ .Thinking }}{{ end }}{{ if $.IsThinkSet }}x{{ end }}";
  EXPECT_TRUE(template_knows_thinking(kThinking));
  EXPECT_FALSE(template_knows_tools(kThinking));
  const auto told = think_switches(kThinking, true, "");
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0].first, "think");
  EXPECT_TRUE(told[0].second.as_bool());
  EXPECT_EQ(told[1].second.as_string(), "medium");
  EXPECT_EQ(think_switches(kThinking, true, "high")[1].second.as_string(), "high");
  EXPECT_EQ(think_switches(kThinking, false, "high")[1].second.as_string(), "");

  constexpr std::string_view kShowingTools = "{{ if .Tools }}{{ .Tools }}{{ end }}{{ .Prompt }} .Suffix";
  EXPECT_TRUE(template_knows_tools(kShowingTools));
  EXPECT_FALSE(template_knows_thinking(kShowingTools));
  EXPECT_TRUE(think_switches(kShowingTools, true, "").empty());
  EXPECT_FALSE(template_knows_tools("{{ .Prompt }} tools Tools"));
  EXPECT_FALSE(template_knows_tools("{{ if .Tools }}")) << "no template";

  EXPECT_TRUE(template_knows_suffix("{{ .Prompt }}{{ .Suffix }}"));
  EXPECT_FALSE(template_knows_suffix("{{ .Prompt }} suffix"));
  EXPECT_TRUE(template_knows_suffix("{{ prompt }}{{ suffix }}"));
  EXPECT_FALSE(template_knows_suffix("{{ prompt }}"));
}

}  // namespace
}  // namespace hearth::text
