#include "text/grammar/json_numbers.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "text/grammar/dfa_builder.h"
#include "text/grammar/regex.h"

namespace hearth::text::grammar {
namespace {

constexpr int kAllDigits = 17;      // tell all doubles apart
constexpr int kLargeExponent = 21;  // from where on an exponent is written; and below 1e-6
constexpr int kSmallExponent = -7;
constexpr int kLastExponent = 307;  // of normal doubles, whatever the digits

Result<Dfa> language_of(const std::string& regex) {
  GrammarBuilder builder;
  HEARTH_ASSIGN(const GrammarBuilder::Node node,
                add_regex(builder, regex, RegexText::kPlain, /*whole=*/true));
  return determinise(builder, node);
}

// Our own regular expressions have no errors.
Dfa known_language_of(const std::string& regex) {
  return language_of(regex).value();
}

std::string alternatives(const std::vector<std::string>& parts) {
  return fmt::format("(?:{})", fmt::join(parts, "|"));
}

// Numbers written as such between two, both included.
std::string each_of(int first, int last) {
  std::vector<std::string> parts;
  for (int i = first; i <= last; ++i) parts.push_back(std::to_string(i));
  return alternatives(parts);
}

// Above zero, with at most `n_digits` significant digits, integers with `n_integer_digits`.
std::string positive_numbers(int n_digits, int n_integer_digits) {
  std::vector<std::string> parts{fmt::format("[1-9]\\d{{0,{}}}", n_integer_digits - 1)};
  for (int n = 1; n < n_digits; ++n)
    parts.push_back(fmt::format("[1-9]\\d{{{}}}\\.\\d{{0,{}}}[1-9]", n - 1, n_digits - n - 1));
  parts.push_back(fmt::format("0\\.0{{0,5}}[1-9](?:\\d{{0,{}}}[1-9])?", n_digits - 2));
  const std::string mantissa = fmt::format("[1-9](?:\\.\\d{{0,{}}}[1-9])?", n_digits - 2);
  parts.push_back(fmt::format("{}e(?:\\+{}|-{})", mantissa, each_of(kLargeExponent, kLastExponent),
                              each_of(-kSmallExponent, kLastExponent)));
  // The largest double is 1.797...e+308.
  parts.push_back(fmt::format("1(?:\\.(?:[1-6]|[0-6]\\d{{0,{}}}[1-9]))?e\\+308", n_digits - 3));
  return alternatives(parts);
}

// Digits that begin like `digits` and have a larger one next: of the same length, or of any.
std::vector<std::string> larger_digits(std::string_view digits, bool of_same_length) {
  std::vector<std::string> parts;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (digits[i] == '9') continue;
    const std::string rest = of_same_length ? fmt::format("\\d{{{}}}", digits.size() - i - 1) : "\\d*";
    parts.push_back(fmt::format("{}[{}-9]{}", digits.substr(0, i), static_cast<char>(digits[i] + 1), rest));
  }
  return parts;
}

// Fractions, without the point, that are larger; canonical ones, so that what begins with `digits` is not
// smaller.
std::string larger_fractions(std::string_view digits, bool or_equal) {
  std::vector<std::string> parts = larger_digits(digits, /*of_same_length=*/false);
  parts.push_back(fmt::format("{}{}", digits, or_equal ? "\\d*" : "\\d+"));
  return alternatives(parts);
}

// One digit, a point and a fraction, larger than `digits` read like that.
std::string larger_mantissas(std::string_view digits, bool or_equal) {
  std::vector<std::string> parts;
  if (digits[0] < '9') parts.push_back(fmt::format("[{}-9](?:\\.\\d+)?", static_cast<char>(digits[0] + 1)));
  if (digits.size() > 1) {
    parts.push_back(fmt::format("{}\\.{}", digits[0], larger_fractions(digits.substr(1), or_equal)));
  } else {
    parts.push_back(fmt::format("{}\\.\\d+", digits[0]));
    if (or_equal) parts.push_back(std::string(1, digits[0]));
  }
  return alternatives(parts);
}

constexpr std::string_view kPlain = "(?:[1-9]\\d*(?:\\.\\d+)?|0\\.\\d+)";
constexpr std::string_view kFromOne = "[1-9]\\d*(?:\\.\\d+)?";
constexpr std::string_view kLarge = "[1-9](?:\\.\\d+)?e\\+\\d+";

// Canonical texts of magnitudes above `bound`, which is not zero. Of other texts it may say anything.
std::string larger_magnitudes(const Decimal& bound, bool or_equal) {
  const int exponent = bound.exponent - 1;  // of the first digit
  std::vector<std::string> parts;
  if (exponent >= kLargeExponent) {
    parts.push_back(fmt::format("{}e\\+{}", larger_mantissas(bound.digits, or_equal), exponent));
    parts.push_back(fmt::format("[1-9](?:\\.\\d+)?e\\+{}", each_of(exponent + 1, kLastExponent + 1)));
  } else if (exponent <= kSmallExponent) {
    parts.emplace_back(kPlain);
    parts.emplace_back(kLarge);
    parts.push_back(fmt::format("{}e-{}", larger_mantissas(bound.digits, or_equal), -exponent));
    if (exponent < kSmallExponent)
      parts.push_back(fmt::format("[1-9](?:\\.\\d+)?e-{}", each_of(-kSmallExponent, -exponent - 1)));
  } else if (exponent < 0) {
    parts.emplace_back(kFromOne);
    parts.emplace_back(kLarge);
    const std::string digits = std::string(static_cast<size_t>(-exponent - 1), '0') + bound.digits;
    parts.push_back(fmt::format("0\\.{}", larger_fractions(digits, or_equal)));
  } else {
    const auto n_whole = static_cast<size_t>(exponent) + 1;
    std::string whole = bound.digits.substr(0, n_whole);
    whole.resize(n_whole, '0');
    const std::string fraction = bound.digits.size() > n_whole ? bound.digits.substr(n_whole) : std::string();
    parts.emplace_back(kLarge);
    parts.push_back(fmt::format("[1-9]\\d{{{},}}(?:\\.\\d+)?", n_whole));
    for (const std::string& digits : larger_digits(whole, /*of_same_length=*/true))
      parts.push_back(fmt::format("{}(?:\\.\\d+)?", digits));
    if (fraction.empty()) {
      parts.push_back(fmt::format("{}\\.\\d+", whole));
      if (or_equal) parts.push_back(whole);
    } else {
      parts.push_back(fmt::format("{}\\.{}", whole, larger_fractions(fraction, or_equal)));
    }
  }
  return alternatives(parts);
}

}  // namespace

Decimal decimal_of(const nlohmann::ordered_json& number) {
  std::string text;
  if (number.is_number_unsigned()) {
    text = std::to_string(number.get<uint64_t>());
  } else if (number.is_number_integer()) {
    text = std::to_string(number.get<int64_t>());
  } else {
    text = fmt::format("{}", number.get<double>());  // the fewest digits that are read as the same double
  }
  Decimal decimal;
  int written_exponent = 0;
  if (const size_t e = text.find('e'); e != std::string::npos) {
    written_exponent = std::stoi(text.substr(e + 1));
    text.resize(e);
  }
  size_t n_whole = 0;
  bool in_fraction = false;
  for (const char c : text) {
    if (c == '-') decimal.negative = true;
    if (c == '.') in_fraction = true;
    if (c < '0' || c > '9') continue;
    decimal.digits += c;
    if (!in_fraction) ++n_whole;
  }
  decimal.exponent = static_cast<int>(n_whole) + written_exponent;
  const size_t first = decimal.digits.find_first_not_of('0');
  if (first == std::string::npos) return {};
  decimal.digits.erase(0, first);
  decimal.exponent -= static_cast<int>(first);
  decimal.digits.erase(decimal.digits.find_last_not_of('0') + 1);
  return decimal;
}

std::string canonical_text(const Decimal& number) {
  if (number.is_zero()) return "0";
  const std::string sign = number.negative ? "-" : "";
  const int exponent = number.exponent - 1;
  const std::string& digits = number.digits;
  if (exponent >= kLargeExponent || exponent <= kSmallExponent) {
    const std::string fraction = digits.size() > 1 ? "." + digits.substr(1) : std::string();
    return fmt::format("{}{}{}e{}{}", sign, digits[0], fraction, exponent > 0 ? "+" : "", exponent);
  }
  if (exponent < 0)
    return fmt::format("{}0.{}{}", sign, std::string(static_cast<size_t>(-number.exponent), '0'), digits);
  const auto n_whole = static_cast<size_t>(number.exponent);
  if (digits.size() > n_whole)
    return fmt::format("{}{}.{}", sign, digits.substr(0, n_whole), digits.substr(n_whole));
  return sign + digits + std::string(n_whole - digits.size(), '0');
}

const Dfa& all_numbers() {
  static const Dfa kNumbers =
      known_language_of(fmt::format("0|-?{}", positive_numbers(kAllDigits, kLargeExponent)));
  return kNumbers;
}

const Dfa& exact_numbers() {
  static const Dfa kNumbers =
      known_language_of(fmt::format("0|-?{}", positive_numbers(kExactDigits, kExactDigits)));
  return kNumbers;
}

const Dfa& plain_integers() {
  static const Dfa kIntegers = known_language_of(fmt::format("0|-?[1-9]\\d{{0,{}}}", kLargeExponent - 1));
  return kIntegers;
}

const Dfa& integers() {
  // At 1e+21 and above, 17 digits are not enough for a fraction.
  static const Dfa kIntegers =
      intersect(all_numbers(), known_language_of(fmt::format("0|-?(?:[1-9]\\d*|{})", kLarge))).value();
  return kIntegers;
}

Result<Dfa> numbers_above(const Decimal& bound, bool or_equal) {
  static const Dfa kPositive = known_language_of("[1-9].*|0\\..*");
  if (bound.is_zero()) {
    HEARTH_ASSIGN(const Dfa positive, intersect(all_numbers(), kPositive));
    return or_equal ? unite(positive, known_language_of("0")) : positive;
  }
  // Below zero: all but those further below.
  const bool above_magnitude = bound.negative ? !or_equal : or_equal;
  HEARTH_ASSIGN(const Dfa larger, language_of(fmt::format("{}{}", bound.negative ? "-" : "",
                                                          larger_magnitudes(bound, above_magnitude))));
  return bound.negative ? subtract(all_numbers(), larger) : intersect(all_numbers(), larger);
}

Result<Dfa> multiples_of(const Decimal& divisor) {
  // divisor = step / 10^scale.
  constexpr uint64_t kMaxStep = 2000;
  constexpr int kMaxScale = 20;
  const int n_digits = static_cast<int>(divisor.digits.size());
  const int scale = std::max(0, n_digits - divisor.exponent);
  const int n_zeros = std::max(0, divisor.exponent - n_digits);
  uint64_t step = 0;
  for (const char digit : divisor.digits + std::string(static_cast<size_t>(std::min(n_zeros, 5)), '0'))
    step = std::min<uint64_t>(step * 10 + static_cast<uint64_t>(digit - '0'), kMaxStep + 1);
  if (step > kMaxStep || scale > kMaxScale) {
    return make_error(
        ErrorCode::kUnsupported,
        "multiples of {} cannot be guaranteed: expected a divisor whose digits are a number up to {}",
        canonical_text(divisor), kMaxStep);
  }

  // A state knows the number so far modulo the step, and how many digits of the fraction were read.
  std::vector<uint8_t> classes(256, 0);
  for (unsigned digit = 0; digit < 10; ++digit) classes['0' + digit] = static_cast<uint8_t>(1 + digit);
  constexpr uint8_t kPoint = 11;
  constexpr uint8_t kMinus = 12;
  classes['.'] = kPoint;
  classes['-'] = kMinus;
  DfaBuilder dfa(std::move(classes));
  std::map<std::pair<int, uint64_t>, uint32_t>
      numbers;  // by digits of the fraction (-1: no point yet), and rest
  std::vector<std::pair<int, uint64_t>> states;
  std::vector<uint64_t> powers{1 % step};
  for (int i = 0; i < scale; ++i) powers.push_back(powers.back() * 10 % step);
  const auto number_of = [&](int n_fraction, uint64_t rest) {
    const auto [found, is_new] = numbers.try_emplace({n_fraction, rest}, 0);
    if (is_new) {
      const auto n_missing = static_cast<size_t>(scale - std::max(0, n_fraction));
      found->second = dfa.add_state(rest * powers[n_missing] % step == 0);
      states.emplace_back(n_fraction, rest);
    }
    return found->second;
  };
  number_of(-1, 0);
  for (size_t i = 0; i < states.size(); ++i) {
    const auto [n_fraction, rest] = states[i];
    const auto from = static_cast<uint32_t>(i + 1);
    if (n_fraction < 0 && scale > 0) dfa.set_next(from, kPoint, number_of(0, rest));
    if (n_fraction == scale) continue;
    for (uint32_t digit = 0; digit < 10; ++digit)
      dfa.set_next(from, 1 + digit,
                   number_of(n_fraction < 0 ? -1 : n_fraction + 1, (rest * 10 + digit) % step));
  }
  const uint32_t start = dfa.add_state(false);
  const uint32_t unsigned_start = 1;
  for (uint32_t digit = 0; digit < 10; ++digit)
    dfa.set_next(start, 1 + digit, numbers.at({-1, digit % step}));
  dfa.set_next(start, kMinus, unsigned_start);
  return intersect(std::move(dfa).minimised(start), all_numbers());
}

}  // namespace hearth::text::grammar
