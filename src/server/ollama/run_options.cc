#include "server/ollama/run_options.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/excerpt.h"
#include "server/wire/sampling_options.h"

namespace hearth::server::ollama {
namespace {

using wire::Field;

// Ollama's options for a machine.
constexpr std::array<std::string_view, 6> kMachineIntegers{"num_keep", "num_batch",  "num_gpu",
                                                           "main_gpu", "num_thread", "draft_num_predict"};
constexpr std::string_view kMachineSwitch = "use_mmap";
constexpr std::array<std::string_view, 3> kOwn{"num_predict", "num_ctx", "stop"};

bool is_known(std::string_view name) {
  return wire::is_sampling_option(name) || name == kMachineSwitch ||
         std::find(kMachineIntegers.begin(), kMachineIntegers.end(), name) != kMachineIntegers.end() ||
         std::find(kOwn.begin(), kOwn.end(), name) != kOwn.end();
}

}  // namespace

RunOptions read_run_options(const Field& options) {
  RunOptions run;
  if (!options.present()) return run;
  wire::read_sampling(options, run.sampling);
  for (const std::string_view name : kMachineIntegers) (void)options[name].integer(INT32_MIN, INT32_MAX);
  (void)options[kMachineSwitch].boolean();
  const auto num_predict = options["num_predict"].integer(INT32_MIN, INT32_MAX);
  if (num_predict && *num_predict >= 0) run.max_tokens = num_predict;
  const auto num_ctx = options["num_ctx"].integer(0, INT32_MAX);
  if (num_ctx && *num_ctx > 0) run.num_ctx = num_ctx;
  for (std::string& stop : options["stop"].string_or_strings()) {
    if (!stop.empty()) run.stop.push_back(std::move(stop));
  }
  for (const auto& [name, value] : options.members()) {
    if (!is_known(name)) run.unknown.push_back(name);
  }
  return run;
}

namespace {

bool is_list(std::string_view name) {
  return name == "stop" || name == "dry_sequence_breakers";
}

// A number, a truth, an object; everything else is a text.
wire::Json typed_value(const std::string& text) {
  auto value = wire::parse_json(text);
  if (value && !value->is_string() && !value->is_null()) return std::move(*value);
  return text;
}

}  // namespace

wire::ApiResult<wire::Json> read_modelfile_parameters(
    const std::vector<store::Modelfile::Parameter>& parameters) {
  wire::Json all = wire::Json::object();
  for (const store::Modelfile::Parameter& parameter : parameters) {
    wire::Json value = is_list(parameter.name) ? wire::Json(parameter.value) : typed_value(parameter.value);
    // Each by itself, so that the line is known.
    const wire::Json alone{{"PARAMETER", {{parameter.name, value}}}};
    HEARTH_ASSIGN(const wire::JsonBody body, wire::JsonBody::parse(wire::dump_json(alone)));
    const RunOptions read = read_run_options(body["PARAMETER"]);
    if (!read.unknown.empty()) body["PARAMETER"][parameter.name].reject("is no parameter that is known");
    if (const auto checked = body.check(); !checked)
      return wire::ApiError(400, fmt::format("line {}: {}", parameter.line, checked.error().message));
    if (is_list(parameter.name)) {
      all[parameter.name].push_back(std::move(value));
    } else {
      all[parameter.name] = std::move(value);
    }
  }
  return all;
}

http::Headers warnings(const std::vector<std::string>& unknown_options) {
  constexpr size_t kMostNames = 10;
  constexpr size_t kLongestName = 40;
  if (unknown_options.empty()) return {};
  std::string text = "ignored unknown options:";
  for (size_t i = 0; i < std::min(unknown_options.size(), kMostNames); ++i) {
    // In a header, only what is plain: names come from the client.
    std::string name = excerpt(unknown_options[i], kLongestName);
    std::replace_if(
        name.begin(), name.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    text += (i == 0 ? " " : ", ") + name;
  }
  if (unknown_options.size() > kMostNames) text += ", ...";
  return {{"Hearth-Warning", std::move(text)}};
}

}  // namespace hearth::server::ollama
