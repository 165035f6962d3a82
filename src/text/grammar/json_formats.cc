#include "text/grammar/json_formats.h"

#include <fmt/format.h>

#include <array>

namespace hearth::text::grammar {
namespace {

// RFC 3339, with the days that the months have; leap years by the Gregorian rule.
std::string date() {
  const std::string leap_century = "(?:[02468][048]|[13579][26])00";
  const std::string leap_year = "\\d\\d(?:0[48]|[2468][048]|[13579][26])";
  return fmt::format(
      "(?:\\d{{4}}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|"
      "02-(?:0[1-9]|1\\d|2[0-8]))|(?:{}|{})-02-29)",
      leap_century, leap_year);
}

// A leap second only where it is one: at the end of a day in UTC.
std::string time() {
  return "(?:(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)|"
         "23:59:60(?:\\.\\d{1,9})?(?:[Zz]|[+-]00:00))";
}

std::string date_time() {
  return date() + "[Tt]" + time();
}

// RFC 3339, appendix A.
std::string duration() {
  const std::string time = "T(?:\\d{1,9}H(?:\\d{1,9}M(?:\\d{1,9}S)?)?|\\d{1,9}M(?:\\d{1,9}S)?|\\d{1,9}S)";
  const std::string date = "(?:\\d{1,9}D|\\d{1,9}M(?:\\d{1,9}D)?|\\d{1,9}Y(?:\\d{1,9}M(?:\\d{1,9}D)?)?)";
  return fmt::format("P(?:{}(?:{})?|{}|\\d{{1,9}}W)", date, time, time);
}

// RFC 1123 and RFC 5890: labels of at most 63 characters, 253 in all; none with hyphens in its third and
// fourth place, which only names in Punycode have.
std::string labels(int n_labels, int max_length) {
  const std::string end = "[a-zA-Z0-9]";
  const std::string inner = "[a-zA-Z0-9-]";
  const std::string label = fmt::format(
      "(?:{0}{{1,2}}|{0}{1}{{1,2}}{0}|{0}{1}(?:{0}{1}|-{0}){1}{{0,{2}}}{0})", end, inner, max_length - 5);
  return fmt::format("{0}(?:\\.{0}){{0,{1}}}", label, n_labels - 1);
}

// At most 253 characters in all, however long the labels are within their bounds.
std::string host_name() {
  return fmt::format("(?:{}|{}|{})", labels(3, 63), labels(4, 62), labels(12, 20));
}

// RFC 5321: a local part in atoms (at most 64 characters), and a host name.
std::string email() {
  const std::string atom = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]";
  return fmt::format("{0}{{1,20}}(?:\\.{0}{{1,20}}){{0,2}}@{1}", atom, host_name());
}

std::string ipv4() {
  const std::string byte = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
  return fmt::format("(?:{0}\\.){{3}}{0}", byte);
}

// RFC 4291, section 2.2: eight groups; or fewer, and :: for those left out; the last two may be an IPv4
// address.
std::string ipv6() {
  const std::string group = "[0-9a-fA-F]{1,4}";
  std::string text = fmt::format("(?:(?:{0}:){{7}}{0}|(?:{0}:){{6}}{1}", group, ipv4());
  for (int before = 0; before <= 7; ++before) {
    const std::string front =
        before == 0 ? std::string() : fmt::format("{0}(?::{0}){{{1}}}", group, before - 1);
    const int after = 7 - before;
    std::string back;
    if (after > 0) back = fmt::format("(?:{0}(?::{0}){{0,{1}}})?", group, after - 1);
    text += fmt::format("|{}::{}", front, back);
    if (after >= 2) text += fmt::format("|{}::(?:{}:){{0,{}}}{}", front, group, after - 2, ipv4());
  }
  return text + ")";
}

std::string uuid() {
  return "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}";
}

// RFC 3986, appendix A. `other` are characters that stand beside the unreserved ones (RFC 3987).
std::string uri(bool may_be_relative, std::string_view other) {
  const std::string pct = "%[0-9a-fA-F]{2}";
  const std::string unreserved = fmt::format("a-zA-Z0-9._~{}", other);
  const std::string sub_delims = "!$&'()*+,;=";
  const std::string pchar = fmt::format("(?:[{}{}:@-]|{})", unreserved, sub_delims, pct);
  const std::string user_info = fmt::format("(?:(?:[{}{}:-]|{})*@)?", unreserved, sub_delims, pct);
  const std::string host = fmt::format("(?:\\[{}\\]|(?:[{}{}-]|{})*)", ipv6(), unreserved, sub_delims, pct);
  const std::string authority = fmt::format("//{}{}(?::\\d*)?(?:/{}*)*", user_info, host, pchar);
  const std::string absolute = fmt::format("/(?:{0}+(?:/{0}*)*)?", pchar);
  const std::string rootless = fmt::format("{0}+(?:/{0}*)*", pchar);
  const std::string tail = fmt::format("(?:\\?(?:{0}|[/?])*)?(?:#(?:{0}|[/?])*)?", pchar);
  std::string full =
      fmt::format("[a-zA-Z][a-zA-Z0-9+.-]*:(?:{}|{}|{})?{}", authority, absolute, rootless, tail);
  if (!may_be_relative) return full;
  const std::string no_colon = fmt::format("(?:[{}{}@-]|{})", unreserved, sub_delims, pct);
  return fmt::format("(?:{}|(?:{}|{}|{}+(?:/{}*)*)?{})", full, authority, absolute, no_colon, pchar, tail);
}

// RFC 3987, ucschar.
constexpr std::string_view kOtherScripts =
    "\\u{A0}-\\u{D7FF}\\u{F900}-\\u{FDCF}\\u{FDF0}-\\u{FFEF}\\u{10000}-\\u{1FFFD}\\u{20000}-\\u{2FFFD}"
    "\\u{30000}-\\u{3FFFD}\\u{40000}-\\u{4FFFD}\\u{50000}-\\u{5FFFD}\\u{60000}-\\u{6FFFD}\\u{70000}-\\u{"
    "7FFFD}"
    "\\u{80000}-\\u{8FFFD}\\u{90000}-\\u{9FFFD}\\u{A0000}-\\u{AFFFD}\\u{B0000}-\\u{BFFFD}\\u{C0000}-\\u{"
    "CFFFD}"
    "\\u{D0000}-\\u{DFFFD}\\u{E1000}-\\u{EFFFD}";

std::string absolute_uri() {
  return uri(/*may_be_relative=*/false, "");
}
std::string uri_reference() {
  return uri(/*may_be_relative=*/true, "");
}
std::string iri() {
  return uri(/*may_be_relative=*/false, kOtherScripts);
}
std::string iri_reference() {
  return uri(/*may_be_relative=*/true, kOtherScripts);
}

// RFC 6901.
std::string json_pointer() {
  return "(?:/(?:[^~/]|~[01])*)*";
}
std::string relative_json_pointer() {
  return "(?:0|[1-9]\\d{0,8})(?:#|" + json_pointer() + ")";
}

struct Format {
  std::string_view name;
  std::string (*regex)();
};

constexpr std::array kFormats{
    Format{"date", date},
    Format{"date-time", date_time},
    Format{"duration", duration},
    Format{"email", email},
    Format{"hostname", host_name},
    Format{"ipv4", ipv4},
    Format{"ipv6", ipv6},
    Format{"iri", iri},
    Format{"iri-reference", iri_reference},
    Format{"json-pointer", json_pointer},
    Format{"relative-json-pointer", relative_json_pointer},
    Format{"time", time},
    Format{"uri", absolute_uri},
    Format{"uri-reference", uri_reference},
    Format{"uuid", uuid},
};

}  // namespace

Result<std::string> regex_of_format(std::string_view format) {
  std::string names;
  for (const Format& known : kFormats) {
    if (known.name == format) return known.regex();
    names += fmt::format("{}{}", names.empty() ? "" : ", ", known.name);
  }
  return make_error(ErrorCode::kUnsupported, "format {} cannot be guaranteed: expected one of {}", format,
                    names);
}

}  // namespace hearth::text::grammar
