#include "cli/parameters.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "cli/nearest_names.h"

namespace hearth::cli {
namespace {

template <typename T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <auto Member>
bool set_sampling(Parameters& parameters, std::string_view text) {
  sampling::SamplingOptions options = parameters.sampling;
  const auto value = parse_number<std::remove_reference_t<decltype(options.*Member)>>(text);
  if (!value) return false;
  options.*Member = *value;
  if (!sampling::validate(options)) return false;
  parameters.sampling = options;
  return true;
}

template <auto Member>
std::string get_sampling(const Parameters& parameters) {
  return fmt::format("{}", parameters.sampling.*Member);
}

template <int64_t Parameters::*Member, int64_t kLeast, int64_t kMost>
bool set_count(Parameters& parameters, std::string_view text) {
  const std::optional<int64_t> value = parse_number<int64_t>(text);
  if (!value || *value < kLeast || *value > kMost) return false;
  parameters.*Member = *value;
  return true;
}

template <int64_t Parameters::*Member>
std::string get_count(const Parameters& parameters) {
  return fmt::format("{}", parameters.*Member);
}

template <auto Member>
constexpr ParameterSpec sampling_spec(std::string_view name, std::string_view range, std::string_view special,
                                      std::string_view description) {
  return {name, range, special, description, set_sampling<Member>, get_sampling<Member>};
}

using sampling::SamplingOptions;
constexpr int64_t kMaxTokens = int64_t{1} << 30;
constexpr int64_t kMaxThreads = 1024;

constexpr std::array kSpecs{
    sampling_spec<&SamplingOptions::temperature>("temperature", "0 or more", "",
                                                 "how freely tokens are drawn; 0: always the most probable"),
    sampling_spec<&SamplingOptions::top_k>("top_k", "a whole number", "0: off",
                                           "draw from the K most probable"),
    sampling_spec<&SamplingOptions::top_p>("top_p", "0 to 1", "1: off",
                                           "draw from the most probable that together reach P"),
    sampling_spec<&SamplingOptions::min_p>("min_p", "0 to 1", "0: off",
                                           "drop what has less than P times the top probability"),
    sampling_spec<&SamplingOptions::typical_p>("typical_p", "0 to 1", "1: off",
                                               "draw from the most typical that together reach P"),
    sampling_spec<&SamplingOptions::repeat_penalty>("repeat_penalty", "more than 0", "1: off",
                                                    "weaken tokens that came before by this factor"),
    sampling_spec<&SamplingOptions::presence_penalty>("presence_penalty", "a finite number", "0: off",
                                                      "subtract this from logits of tokens that came before"),
    sampling_spec<&SamplingOptions::frequency_penalty>("frequency_penalty", "a finite number", "0: off",
                                                       "the same for each time that they came"),
    sampling_spec<&SamplingOptions::repeat_last_n>("repeat_last_n", "-1 or more", "-1: the whole context",
                                                   "how many tokens the penalties look back"),
    sampling_spec<&SamplingOptions::seed>("seed", "a whole number", "-1: a random one",
                                          "the same seed gives the same answer"),
    ParameterSpec{"num_predict", "-1 or more", "-1: until the answer or the context ends",
                  "tokens to generate", set_count<&Parameters::num_predict, -1, kMaxTokens>,
                  get_count<&Parameters::num_predict>},
    ParameterSpec{"num_ctx", "0 or more", "0: the model's, at most 8192",
                  "tokens of prompt and answer together", set_count<&Parameters::num_ctx, 0, kMaxTokens>,
                  get_count<&Parameters::num_ctx>},
    ParameterSpec{"num_thread", "0 to 1024", "0: one per physical core", "threads that compute",
                  set_count<&Parameters::num_thread, 0, kMaxThreads>, get_count<&Parameters::num_thread>},
};

std::string option_name(const ParameterSpec& spec) {
  std::string name = fmt::format("--{}", spec.name);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

}  // namespace

std::span<const ParameterSpec> parameter_specs() {
  return kSpecs;
}

Result<void> set_parameter(Parameters& parameters, std::string_view name, std::string_view value) {
  std::string canonical(name);
  std::replace(canonical.begin(), canonical.end(), '-', '_');
  if (canonical == "stop") {
    if (value.empty()) return make_error(ErrorCode::kUsage, "stop: expected a text, found none");
    parameters.stop.emplace_back(value);
    return {};
  }
  std::vector<std::string> names{"stop"};
  for (const ParameterSpec& spec : kSpecs) {
    names.emplace_back(spec.name);
    if (spec.name != canonical) continue;
    if (spec.set(parameters, value)) return {};
    return make_error(ErrorCode::kUsage, "{}: expected {}, found '{}'", spec.name, spec.range, value);
  }
  return make_error(ErrorCode::kUsage, "no parameter is named '{}'{}", name, did_you_mean(canonical, names));
}

void add_parameter_options(CLI::App& command, Parameters& parameters) {
  const Parameters defaults;
  for (const ParameterSpec& spec : kSpecs) {
    CLI::Option* option = command.add_option_function<std::string>(
        option_name(spec), [&spec, &parameters](const std::string& text) { spec.set(parameters, text); },
        fmt::format("{} ({}{}{}; default {})", spec.description, spec.range, spec.special.empty() ? "" : "; ",
                    spec.special, spec.get(defaults)));
    option->check([&spec](const std::string& text) {
      Parameters trial;
      if (spec.set(trial, text)) return std::string();
      return fmt::format("expected {}, found '{}'", spec.range, text);
    });
    option->type_name("N")->group("Generation");
  }
  command
      .add_option("--stop", parameters.stop,
                  "a text that ends the answer and is no part of it; may be repeated")
      ->allow_extra_args(false)
      ->type_name("TEXT")
      ->group("Generation");
}

}  // namespace hearth::cli
