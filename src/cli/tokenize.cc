// hearth tokenize: the token ids of a text.
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/model_loading.h"
#include "cli/options.h"
#include "cli/output.h"

namespace hearth::cli {
namespace {

struct TokenizeOptions {
  std::string model;
  std::string text;
  bool has_text = false;
  std::string file;
  bool special = false;
  bool json = false;
};

Result<std::string> read_text(const TokenizeOptions& options) {
  if (options.has_text) return options.text;
  return options.file.empty() ? read_standard_input() : read_text_file(options.file);
}

Result<void> tokenize(const TokenizeOptions& options) {
  HEARTH_ASSIGN(const auto checkpoint, open_model(options.model));
  HEARTH_ASSIGN(const auto tokenizer, checkpoint->load_tokenizer());
  HEARTH_ASSIGN(const std::string text, read_text(options));
  text::EncodeOptions encode;
  encode.add_special = options.special;
  encode.parse_special = options.special;
  const std::vector<text::TokenId> ids = tokenizer->encode(text, encode);
  if (!options.json) return write_output(fmt::format("{}\n", fmt::join(ids, " ")));
  nlohmann::ordered_json object;
  object["n_tokens"] = ids.size();
  object["ids"] = ids;
  nlohmann::ordered_json& texts = object["texts"] = nlohmann::ordered_json::array();
  for (const text::TokenId id : ids) texts.push_back(std::string(tokenizer->token_bytes(id, true)));
  return write_json(object);
}

constexpr const char* kTokenizeExamples = R"(Needs the vocabulary only: a GGUF file without weights will do.
--json gives {"n_tokens", "ids": [...], "texts": [...]}.

Examples:
  hearth tokenize model.gguf "Hello world"
  hearth tokenize model.gguf --file book.txt | wc -w
  echo -n "Hello" | hearth tokenize model.gguf --special --json)";

}  // namespace

void add_tokenize_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* command = parser.add_subcommand("tokenize", "Print the token ids of a text");
  add_model_argument(*command, options->model);
  CLI::Option* text =
      command->add_option("TEXT", options->text, "the text; without it, --file or stdin")->type_name("");
  command->add_option("--file", options->file, "read the text from this file")
      ->type_name("FILE")
      ->excludes(text);
  command->add_flag(
      "--special", options->special,
      "add BOS and EOS as the model wants them, and read <|names|> in the text as control tokens");
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(kTokenizeExamples);
  command->callback([options, text, &action] {
    options->has_text = text->count() > 0;
    action = [options](const Context&) { return tokenize(*options); };
  });
}

}  // namespace hearth::cli
