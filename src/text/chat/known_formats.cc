#include "text/chat/known_formats.h"

#include <algorithm>
#include <array>
#include <set>
#include <string>

namespace hearth::text {
namespace {

enum class SpacePrefix : uint8_t { kAny, kYes, kNo };

struct Entry {
  KnownFormat format;
  std::array<std::string_view, 3> marks;  // tokens that must be there; empty: none
  SpacePrefix space_prefix = SpacePrefix::kAny;
};

// Where several fit, the first one counts.
constexpr std::array kFormats{
    Entry{{"Llama 3",
           "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n"
           "{{ m.content | trim }}<|eot_id|>{% endfor %}"
           "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"},
          {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}},
    Entry{{"ChatML",
           "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
           "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"},
          {"<|im_start|>", "<|im_end|>", ""}},
    // No role of its own for the system: its text begins the first message of the user.
    Entry{
        {"Gemma",
         "{{ bos_token }}{% set ns = namespace(system='') %}{% for m in messages %}"
         "{% if m.role == 'system' %}{% set ns.system = m.content + '\n\n' %}{% else %}"
         "<start_of_turn>{{ 'model' if m.role == 'assistant' else m.role }}\n"
         "{{ ns.system }}{% set ns.system = '' %}{{ m.content | trim }}<end_of_turn>\n{% endif %}{% endfor %}"
         "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"},
        {"<start_of_turn>", "<end_of_turn>", ""}},
    Entry{{"GLM-4",
           "[gMASK]<sop>{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{% endfor %}"
           "{% if add_generation_prompt %}<|assistant|>{% endif %}"},
          {"[gMASK]", "<sop>", "<|assistant|>"}},
    Entry{{"Phi-3",
           "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}<|end|>\n{% endfor %}"
           "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"},
          {"<|user|>", "<|assistant|>", "<|end|>"}},
    Entry{
        {"Granite 3",
         "{% for m in messages %}<|start_of_role|>{{ m.role }}<|end_of_role|>{{ m.content }}<|end_of_text|>\n"
         "{% endfor %}{% if add_generation_prompt %}<|start_of_role|>assistant<|end_of_role|>{% endif %}"},
        {"<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"}},
    Entry{{"Command R",
           "{{ bos_token }}{% set names = {'system': 'SYSTEM', 'user': 'USER', 'assistant': 'CHATBOT'} %}"
           "{% for m in messages %}<|START_OF_TURN_TOKEN|><|{{ names[m.role] }}_TOKEN|>"
           "{{ m.content | trim }}<|END_OF_TURN_TOKEN|>{% endfor %}"
           "{% if add_generation_prompt %}<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>{% endif %}"},
          {"<|START_OF_TURN_TOKEN|>", "<|CHATBOT_TOKEN|>", "<|END_OF_TURN_TOKEN|>"}},
    Entry{{"DeepSeek",
           "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}{{ m.content }}"
           "{% elif m.role == 'user' %}<｜User｜>{{ m.content }}"
           "{% else %}<｜Assistant｜>{{ m.content }}<｜end▁of▁sentence｜>{% endif %}{% endfor %}"
           "{% if add_generation_prompt %}<｜Assistant｜>{% endif %}"},
          {"<｜User｜>", "<｜Assistant｜>", ""}},
    Entry{{"Mistral V7",
           "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}[SYSTEM_PROMPT]{{ m.content }}"
           "[/SYSTEM_PROMPT]{% elif m.role == 'user' %}[INST]{{ m.content }}[/INST]"
           "{% else %}{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"},
          {"[INST]", "[/INST]", "[SYSTEM_PROMPT]"}},
    // SentencePiece vocabularies were trained with a space behind the marks, the later "Tekken" ones without.
    Entry{{"Mistral V3",
           "{{ bos_token }}{% set ns = namespace(system='') %}{% for m in messages %}"
           "{% if m.role == 'system' %}{% set ns.system = m.content + '\n\n' %}"
           "{% elif m.role == 'user' %}[INST] {{ ns.system }}{% set ns.system = '' %}{{ m.content }}[/INST]"
           "{% else %} {{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"},
          {"[INST]", "[/INST]", ""},
          SpacePrefix::kYes},
    Entry{{"Mistral V3 Tekken",
           "{{ bos_token }}{% set ns = namespace(system='') %}{% for m in messages %}"
           "{% if m.role == 'system' %}{% set ns.system = m.content + '\n\n' %}"
           "{% elif m.role == 'user' %}[INST]{{ ns.system }}{% set ns.system = '' %}{{ m.content }}[/INST]"
           "{% else %}{{ m.content }}{{ eos_token }}{% endif %}{% endfor %}"},
          {"[INST]", "[/INST]", ""},
          SpacePrefix::kNo},
};

bool fits(const Entry& entry, const std::set<std::string_view>& special, bool adds_space_prefix) {
  if (entry.space_prefix != SpacePrefix::kAny &&
      (entry.space_prefix == SpacePrefix::kYes) != adds_space_prefix)
    return false;
  return std::all_of(entry.marks.begin(), entry.marks.end(),
                     [&](std::string_view mark) { return mark.empty() || special.contains(mark); });
}

}  // namespace

std::optional<KnownFormat> find_known_format(const Tokenizer& tokenizer) {
  std::set<std::string_view> special;
  for (TokenId id = 0; id < tokenizer.vocabulary_size(); ++id) {
    const TokenType type = tokenizer.token_type(id);
    if (type == TokenType::kControl || type == TokenType::kUserDefined)
      special.insert(tokenizer.token_bytes(id, /*special=*/true));
  }
  for (const Entry& entry : kFormats) {
    if (fits(entry, special, tokenizer.adds_space_prefix())) return entry.format;
  }
  return std::nullopt;
}

}  // namespace hearth::text
