#include "server/wire/sampling_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "sampling/options.h"

namespace hearth::server::wire {
namespace {

using protocol::Sampling;

constexpr double kMax = std::numeric_limits<float>::max();
constexpr double kTiny = std::numeric_limits<float>::min();
constexpr NumberRange kShare{0, 1, "a number from 0 to 1"};
constexpr NumberRange kNotNegative{0, kMax, "a number of 0 or more that 32 bits hold"};
constexpr NumberRange kPositive{kTiny, kMax, "a number of more than 0 that 32 bits hold"};
constexpr NumberRange kFinite{-kMax, kMax, "a number that 32 bits hold"};

struct RealOption {
  std::string_view name;
  void (Sampling::*set)(float);
  NumberRange range;
};

// The ranges are those of sampling::validate.
constexpr std::array kReals{
    RealOption{"temperature", &Sampling::set_temperature, kNotNegative},
    RealOption{"dynatemp_range", &Sampling::set_dynatemp_range, kNotNegative},
    RealOption{"dynatemp_exponent", &Sampling::set_dynatemp_exponent, kNotNegative},
    RealOption{"top_p", &Sampling::set_top_p, kShare},
    RealOption{"min_p", &Sampling::set_min_p, kShare},
    RealOption{"typical_p", &Sampling::set_typical_p, kShare},
    RealOption{"top_n_sigma", &Sampling::set_top_n_sigma, kFinite},
    RealOption{"xtc_probability", &Sampling::set_xtc_probability, kShare},
    RealOption{"xtc_threshold", &Sampling::set_xtc_threshold, kShare},
    RealOption{"repeat_penalty", &Sampling::set_repeat_penalty, kPositive},
    RealOption{"presence_penalty", &Sampling::set_presence_penalty, kFinite},
    RealOption{"frequency_penalty", &Sampling::set_frequency_penalty, kFinite},
    RealOption{"dry_multiplier", &Sampling::set_dry_multiplier, kNotNegative},
    RealOption{"dry_base", &Sampling::set_dry_base, kNotNegative},
    RealOption{"mirostat_tau", &Sampling::set_mirostat_tau, kNotNegative},
    RealOption{"mirostat_eta", &Sampling::set_mirostat_eta, kNotNegative},
};

struct IntegerOption {
  std::string_view name;
  void (Sampling::*set)(int32_t);
  int32_t low;
  int32_t high;
};

constexpr std::array kIntegers{
    IntegerOption{"top_k", &Sampling::set_top_k, INT32_MIN, INT32_MAX},
    IntegerOption{"repeat_last_n", &Sampling::set_repeat_last_n, -1, INT32_MAX},
    IntegerOption{"dry_allowed_length", &Sampling::set_dry_allowed_length, 0, INT32_MAX},
    IntegerOption{"dry_penalty_last_n", &Sampling::set_dry_penalty_last_n, -1, INT32_MAX},
    IntegerOption{"mirostat", &Sampling::set_mirostat, 0, 2},
};

constexpr std::array<std::string_view, 4> kOthers{"seed", "dry_sequence_breakers", "samplers", "logit_bias"};

void read_breakers(const Field& field, Sampling& sampling) {
  if (!field.present()) return;
  for (std::string& text : field.strings()) {
    if (text.empty()) field.reject("expected texts, found an empty one");
    sampling.mutable_dry_sequence_breakers()->add_texts(std::move(text));
  }
  sampling.mutable_dry_sequence_breakers();  // an empty list is one, too
}

void read_samplers(const Field& field, Sampling& sampling) {
  if (!field.present()) return;
  std::string names;
  for (const std::string& name : field.string_or_strings()) names += (names.empty() ? "" : ";") + name;
  if (auto stages = sampling::parse_stages(names); !stages) return field.reject(stages.error().message());
  sampling.set_samplers(std::move(names));
}

void add_bias(const Field& place, int64_t token, const Json& value, Sampling& sampling) {
  const bool never = value.is_boolean() && !value.get<bool>();
  if (token < 0 || token > INT32_MAX) return place.reject("expected a token id, an integer of 0 or more");
  if (!never && !value.is_number())
    return place.reject("expected a number, or false, found " + describe(value));
  const double bias = never ? -std::numeric_limits<double>::infinity() : value.get<double>();
  if (!never && !(bias >= -kMax && bias <= kMax)) return place.expected(kFinite.text);
  auto* added = sampling.add_logit_bias();
  added->set_token(static_cast<int32_t>(token));
  added->set_bias(static_cast<float>(bias));
}

std::optional<int64_t> parse_token(std::string_view text) {
  int64_t token = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), token);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return token;
}

void read_logit_bias(const Field& field, Sampling& sampling) {
  if (!field.present()) return;
  if (field.json().is_object()) {
    for (const auto& [name, value] : field.members()) {
      const auto token = parse_token(name);
      if (!token || !value.present()) return value.reject("expected a token id and its bias");
      add_bias(value, *token, value.json(), sampling);
    }
    return;
  }
  if (!field.json().is_array()) return field.expected("an object or a list of pairs");
  for (const Field& pair : field.items()) {
    const Json& json = pair.json();
    if (!json.is_array() || json.size() != 2 || !json[0].is_number_integer())
      return pair.expected("a token id and its bias");
    const bool fits = !json[0].is_number_unsigned() || json[0].get<uint64_t>() <= uint64_t{INT32_MAX};
    add_bias(pair, fits ? json[0].get<int64_t>() : -1, json[1], sampling);
  }
}

}  // namespace

void read_sampling(const Field& object, protocol::Sampling& sampling) {
  if (!object.present()) return;
  for (const RealOption& option : kReals) {
    if (const auto value = object[option.name].number(option.range))
      (sampling.*option.set)(static_cast<float>(*value));
  }
  for (const IntegerOption& option : kIntegers) {
    if (const auto value = object[option.name].integer(option.low, option.high))
      (sampling.*option.set)(static_cast<int32_t>(*value));
  }
  if (const auto seed = object["seed"].integer()) sampling.set_seed(*seed);
  read_breakers(object["dry_sequence_breakers"], sampling);
  read_samplers(object["samplers"], sampling);
  read_logit_bias(object["logit_bias"], sampling);
}

bool is_sampling_option(std::string_view name) noexcept {
  const auto is_named = [name](const auto& option) { return option.name == name; };
  return std::any_of(kReals.begin(), kReals.end(), is_named) ||
         std::any_of(kIntegers.begin(), kIntegers.end(), is_named) ||
         std::find(kOthers.begin(), kOthers.end(), name) != kOthers.end();
}

}  // namespace hearth::server::wire
