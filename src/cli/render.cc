// hearth render: what a chat template makes of a conversation.
#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/model_loading.h"
#include "cli/output.h"
#include "models/chat_format.h"
#include "text/chat_template/chat_template.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

struct RenderCommandOptions {
  std::string source;  // a template or a model
  std::string context_file;
  std::string now;
  bool json = false;
};

// A GGUF file by its first bytes; a folder is one of Hugging Face.
bool is_model(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return true;
  std::array<char, 4> magic{};
  std::ifstream file(path, std::ios::binary);
  file.read(magic.data(), magic.size());
  return file && std::string_view(magic.data(), magic.size()) == "GGUF";
}

// "2024-07-26T12:00:00" or the date alone, as the clock of the machine shows it.
Result<std::tm> parse_time(const std::string& text) {
  const char* format = text.find('T') == std::string::npos ? "%Y-%m-%d" : "%Y-%m-%dT%H:%M:%S";
  std::tm time{};
  const char* end = strptime(text.c_str(), format, &time);
  if (end == nullptr || *end != '\0' || time.tm_year < -1899) {
    return make_error(ErrorCode::kUsage,
                      "--now: expected a time like 2024-07-26T12:00:00 or a date like 2024-07-26, found '{}'",
                      text);
  }
  // strptime takes the 31st of every month.
  using namespace std::chrono;
  const year_month_day date(year(time.tm_year + 1900), month(static_cast<unsigned>(time.tm_mon) + 1),
                            day(static_cast<unsigned>(time.tm_mday)));
  if (!date.ok())
    return make_error(ErrorCode::kUsage, "--now: expected a day of the calendar, found '{}'", text);
  return time;
}

Result<text::Value> read_context(const std::string& path) {
  const std::string name = path == "-" ? "stdin" : path;
  auto json = path == "-" ? read_standard_input() : read_text_file(path);
  if (!json) return json.error();
  const auto context = text::value_from_json(*json);
  if (!context) return context.error().in(name);
  if (!context->is_dict()) {
    return make_error(ErrorCode::kMalformed, "{}: expected a JSON object with the template's names, found {}",
                      name, text::jinja::type_name(*context));
  }
  return *context;
}

bool has_tools(const text::Value& context) {
  const text::Value* tools = context.dict_data().find("tools");
  return tools != nullptr && tools->is(text::Value::Kind::kSequence) && !tools->items().empty();
}

Result<std::string> render_model(const RenderCommandOptions& options, const text::Value& context,
                                 const text::RenderOptions& render) {
  HEARTH_ASSIGN(const auto checkpoint, open_model(options.source));
  HEARTH_ASSIGN(const auto tokenizer, checkpoint->load_tokenizer());
  HEARTH_ASSIGN(const auto found, models::load_chat_format(*checkpoint, *tokenizer, has_tools(context)));
  if (!found) {
    return make_error(
        ErrorCode::kUnsupported,
        "{}: expected a chat template or a vocabulary made for a known chat format, found neither",
        checkpoint->name());
  }
  return found->format.render(context, render);
}

Result<std::string> render_template(const RenderCommandOptions& options, const text::Value& context,
                                    const text::RenderOptions& render) {
  HEARTH_ASSIGN(const std::string source, read_text_file(options.source));
  HEARTH_ASSIGN(const text::ChatTemplate parsed, text::ChatTemplate::parse(source, options.source));
  return parsed.render(context, render);
}

Result<void> render(const RenderCommandOptions& options) {
  text::RenderOptions render;
  if (!options.now.empty()) {
    HEARTH_ASSIGN(render.now, parse_time(options.now));
  }
  HEARTH_ASSIGN(const text::Value context, read_context(options.context_file));
  HEARTH_ASSIGN(const std::string text, is_model(options.source) ? render_model(options, context, render)
                                                                 : render_template(options, context, render));
  if (options.json) return write_json({{"text", text}});
  return write_output(text);
}

constexpr const char* kRenderExamples =
    R"(The context is a JSON object with what the template may name, and nothing else is in its reach:
  {"messages": [{"role": "user", "content": "Hi"}], "add_generation_prompt": true}
A model adds its bos_token and eos_token. The text is printed as it is, with no newline added.

Examples:
  hearth render template.jinja --context conversation.json
  hearth render model.gguf --context conversation.json --now 2024-07-26
  echo '{"messages": [{"role": "user", "content": "Hi"}]}' | hearth render model.gguf --context -)";

}  // namespace

void add_render_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<RenderCommandOptions>();
  CLI::App* command = parser.add_subcommand("render", "Print what a chat template makes of a conversation");
  command->add_option("TEMPLATE_OR_MODEL", options->source, "a file with a template, or a model")
      ->required()
      ->type_name("");
  command->add_option("--context", options->context_file, "what the template is given; -: stdin")
      ->required()
      ->type_name("FILE.json");
  command->add_option("--now", options->now, "the time that strftime_now() gives; without it, the clock's")
      ->type_name("TIME");
  command->add_flag("--json", options->json, "print one JSON object: {\"text\"}");
  command->footer(kRenderExamples);
  command->callback([options, &action] { action = [options](const Context&) { return render(*options); }; });
}

}  // namespace hearth::cli
