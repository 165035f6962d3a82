#include "cli/parameters.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
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
  return {name, range, special, description, set_sampling<Member>, get_sampling<Member>, "N"};
}

bool set_samplers(Parameters& parameters, std::string_view text) {
  auto stages = sampling::parse_stages(text);
  if (!stages) return false;
  parameters.sampling.samplers = std::move(*stages);
  return true;
}

std::string get_samplers(const Parameters& parameters) {
  return sampling::stages_text(parameters.sampling.samplers);
}

using Json = nlohmann::ordered_json;

bool set_sequence_breakers(Parameters& parameters, std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_array()) return false;
  sampling::SamplingOptions options = parameters.sampling;
  options.dry_sequence_breakers.clear();
  for (const Json& entry : json) {
    if (!entry.is_string()) return false;
    options.dry_sequence_breakers.push_back(entry.get<std::string>());
  }
  if (!sampling::validate(options)) return false;
  parameters.sampling = std::move(options);
  return true;
}

std::string get_sequence_breakers(const Parameters& parameters) {
  return Json(parameters.sampling.dry_sequence_breakers).dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A number is added; false bans the token, as in llama.cpp's server.
bool set_logit_bias(Parameters& parameters, std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return false;
  sampling::SamplingOptions options = parameters.sampling;
  options.logit_bias.clear();
  for (const auto& [key, value] : json.items()) {
    const auto token = parse_number<int32_t>(key);
    const bool banned = value.is_boolean() && !value.get<bool>();
    if (!token || !(banned || value.is_number())) return false;
    options.logit_bias.push_back(
        {*token, banned ? -std::numeric_limits<float>::infinity() : value.get<float>()});
  }
  if (!sampling::validate(options)) return false;
  parameters.sampling = std::move(options);
  return true;
}

std::string get_logit_bias(const Parameters& parameters) {
  Json json = Json::object();
  for (const sampling::LogitBias& entry : parameters.sampling.logit_bias) {
    Json& value = json[std::to_string(entry.token)];
    value = false;
    if (std::isfinite(entry.bias)) value = entry.bias;
  }
  return json.dump();
}

using sampling::SamplingOptions;
constexpr int64_t kMaxTokens = int64_t{1} << 30;
constexpr int64_t kMaxThreads = 1024;

constexpr std::array kSpecs{
    sampling_spec<&SamplingOptions::temperature>("temperature", "0 or more", "",
                                                 "how freely tokens are drawn; 0: always the most probable"),
    sampling_spec<&SamplingOptions::dynatemp_range>("dynatemp_range", "0 or more", "0: off",
                                                    "move the temperature by so much, with the entropy"),
    sampling_spec<&SamplingOptions::dynatemp_exponent>("dynatemp_exponent", "0 or more", "",
                                                       "how the entropy moves it"),
    sampling_spec<&SamplingOptions::top_k>("top_k", "a whole number", "0: off",
                                           "draw from the K most probable"),
    sampling_spec<&SamplingOptions::top_p>("top_p", "0 to 1", "1: off",
                                           "draw from the most probable that together reach P"),
    sampling_spec<&SamplingOptions::min_p>("min_p", "0 to 1", "0: off",
                                           "drop what has less than P times the top probability"),
    sampling_spec<&SamplingOptions::typical_p>("typical_p", "0 to 1", "1: off",
                                               "draw from the most typical that together reach P"),
    sampling_spec<&SamplingOptions::top_n_sigma>("top_n_sigma", "a finite number", "0: off",
                                                 "drop logits N standard deviations below the highest"),
    sampling_spec<&SamplingOptions::xtc_probability>("xtc_probability", "0 to 1", "0: off",
                                                     "how often to exclude the top choices"),
    sampling_spec<&SamplingOptions::xtc_threshold>("xtc_threshold", "0 to 1", "more than 0.5: off",
                                                   "the probability that makes a top choice"),
    sampling_spec<&SamplingOptions::repeat_penalty>("repeat_penalty", "more than 0", "1: off",
                                                    "weaken tokens that came before by this factor"),
    sampling_spec<&SamplingOptions::presence_penalty>("presence_penalty", "a finite number", "0: off",
                                                      "subtract this from logits of tokens that came before"),
    sampling_spec<&SamplingOptions::frequency_penalty>("frequency_penalty", "a finite number", "0: off",
                                                       "the same for each time that they came"),
    sampling_spec<&SamplingOptions::repeat_last_n>("repeat_last_n", "-1 or more", "-1: the whole context",
                                                   "how many tokens the penalties look back"),
    sampling_spec<&SamplingOptions::dry_multiplier>("dry_multiplier", "0 or more", "0: off",
                                                    "weaken tokens that go on with a repeated passage"),
    sampling_spec<&SamplingOptions::dry_base>("dry_base", "0 or more", "less than 1: off",
                                              "by this factor more for each token of it"),
    sampling_spec<&SamplingOptions::dry_allowed_length>("dry_allowed_length", "0 or more", "",
                                                        "tokens that may be repeated freely"),
    sampling_spec<&SamplingOptions::dry_penalty_last_n>(
        "dry_penalty_last_n", "-1 or more", "-1: the whole context", "how many tokens DRY looks back"),
    ParameterSpec{"dry_sequence_breakers", "a JSON array of texts", "",
                  "texts across which nothing counts as repeated", set_sequence_breakers,
                  get_sequence_breakers, "JSON"},
    sampling_spec<&SamplingOptions::mirostat>("mirostat", "0, 1 or 2", "0: off",
                                              "steer the surprise by this version instead of filtering"),
    sampling_spec<&SamplingOptions::mirostat_tau>("mirostat_tau", "0 or more", "",
                                                  "the surprise to aim at, in bits"),
    sampling_spec<&SamplingOptions::mirostat_eta>("mirostat_eta", "0 or more", "",
                                                  "how fast it is approached"),
    ParameterSpec{"logit_bias", "a JSON object of token ids and numbers", "false bans a token",
                  "add to the logits of tokens", set_logit_bias, get_logit_bias, "JSON"},
    ParameterSpec{
        "samplers",
        "some of penalties, dry, top_n_sigma, top_k, typ_p, top_p, min_p, xtc and temperature, with commas",
        "", "the stages of sampling, in their order", set_samplers, get_samplers, "NAMES"},
    sampling_spec<&SamplingOptions::seed>("seed", "a whole number", "-1: a random one",
                                          "the same seed gives the same answer"),
    ParameterSpec{"num_predict", "-1 or more", "-1: until the answer or the context ends",
                  "tokens to generate", set_count<&Parameters::num_predict, -1, kMaxTokens>,
                  get_count<&Parameters::num_predict>, "N"},
    ParameterSpec{"num_ctx", "0 or more", "0: the model's, at most 8192",
                  "tokens of prompt and answer together", set_count<&Parameters::num_ctx, 0, kMaxTokens>,
                  get_count<&Parameters::num_ctx>, "N"},
    ParameterSpec{"num_thread", "0 to 1024", "0: one per physical core", "threads that compute",
                  set_count<&Parameters::num_thread, 0, kMaxThreads>, get_count<&Parameters::num_thread>,
                  "N"},
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
    option->type_name(std::string(spec.value_name))->group("Generation");
  }
  command
      .add_option("--stop", parameters.stop,
                  "a text that ends the answer and is no part of it; may be repeated")
      ->allow_extra_args(false)
      ->type_name("TEXT")
      ->group("Generation");
}

}  // namespace hearth::cli
