// Writes the small models that the clients are tested with, of random weights:
//
//   make_models FOLDER
//
// chat.gguf answers in conversations, think.gguf opens its thinking where it is asked to, tools.gguf is told
// of tools, embed.gguf makes vectors.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <vector>

#include "tests/support/tiny_bert.h"
#include "tests/support/tiny_llama.h"

namespace hearth::testing {
namespace {

// Long enough that an answer is still going on when its client leaves.
constexpr int64_t kContextTokens = 16'384;

constexpr const char* kTemplate =
    "{% for message in messages %}<{{ message.role }}>{{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}";
constexpr const char* kThinkingTemplate =
    "{% for message in messages %}<{{ message.role }}>{{ message.content.split('</think>')[-1] }}\n{% endfor "
    "%}"
    "{% if add_generation_prompt %}<assistant>"
    "{% if enable_thinking is defined and enable_thinking %}<think>\n"
    "{% else %}<think>\n\n</think>\n\n{% endif %}{% endif %}";

// With calls as Hermes and Qwen write them.
constexpr const char* kToolTemplate =
    "{% if tools %}<system>Call a tool with <tool_call>{\"name\": NAME, \"arguments\": {...}}</tool_call>:"
    "{% for tool in tools %}{{ tool | tojson }}{% endfor %}\n{% endif %}"
    "{% for message in messages %}<{{ message.role }}>{{ message.content }}"
    "{% for call in message.tool_calls or [] %}<tool_call>{{ call.function | tojson }}</tool_call>{% endfor "
    "%}\n"
    "{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";

// A model whose greedy answers do not end by themselves: the logit of </s> is 0, which is never the greatest.
GgufWriter endless_llama() {
  constexpr int64_t kEndToken = 2;
  TinyLlamaShape shape;
  shape.context_tokens = kContextTokens;
  const TinyLlama llama(shape, 1);
  std::vector<float> output = llama.matrix_values("output.weight");
  std::fill_n(output.begin() + kEndToken * shape.width, shape.width, 0.0F);
  GgufWriter writer = llama.gguf({"output.weight"});
  writer.add_tensor("output.weight", llama.matrix_shape("output.weight"), output);
  return writer;
}

void write_models(const std::filesystem::path& folder) {
  GgufWriter chat = endless_llama();
  chat.add_string("tokenizer.chat_template", kTemplate);
  chat.write(folder / "chat.gguf");
  GgufWriter think = endless_llama();
  think.add_string("tokenizer.chat_template", kThinkingTemplate);
  think.write(folder / "think.gguf");
  GgufWriter tools = endless_llama();
  tools.add_string("tokenizer.chat_template", kToolTemplate);
  tools.write(folder / "tools.gguf");
  TinyBert({}, 1).gguf().write(folder / "embed.gguf");
}

}  // namespace
}  // namespace hearth::testing

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: make_models FOLDER\n", stderr);
    return 2;
  }
  hearth::testing::write_models(argv[1]);
  return 0;
}
