// Matches the arguments of a call to the parameters of a built-in, as Python does.
#pragma once

#include <array>
#include <initializer_list>
#include <string_view>

#include "text/chat_template/operators.h"

namespace hearth::text::jinja {

// The value given for each parameter, or null. They live as long as the Arguments.
template <size_t n>
using Bound = std::array<const Value*, n>;

// `n_required` parameters must be given; surplus and unknown arguments are errors that name `callee`.
template <size_t n>
Result<Bound<n>> bind(std::string_view callee, const Arguments& arguments,
                      const std::string_view (&parameters)[n], size_t n_required = 0) {
  Bound<n> bound{};
  if (arguments.positional.size() > n) {
    return template_error("{}: expected at most {} arguments, found {}", callee, n,
                          arguments.positional.size());
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) bound[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    size_t at = 0;
    while (at < n && parameters[at] != name) ++at;
    if (at == n) return template_error("{}: unexpected keyword argument '{}'", callee, shortened(name));
    if (bound[at] != nullptr) return template_error("{}: multiple values for argument '{}'", callee, name);
    bound[at] = &value;
  }
  for (size_t i = 0; i < n_required; ++i) {
    if (bound[i] == nullptr) return template_error("{}: missing argument '{}'", callee, parameters[i]);
  }
  return bound;
}

inline Result<void> expect_no_arguments(std::string_view callee, const Arguments& arguments) {
  if (arguments.positional.empty() && arguments.named.empty()) return {};
  return template_error("{}: expected no arguments", callee);
}

// An integer argument; `fallback` where it was not given.
inline Result<int64_t> integer_or(std::string_view callee, const Value* value, int64_t fallback) {
  if (value == nullptr) return fallback;
  if (value->is_integral()) return value->as_int();
  if (value->is_undefined()) return undefined_error(*value);
  return template_error("{}: expected an integer, found {}", callee, type_name(*value));
}

inline bool flag_or(const Value* value, bool fallback) {
  return value == nullptr ? fallback : is_truthy(*value);
}

// A string argument. The view lives as long as the value.
inline Result<std::string_view> string_or(std::string_view callee, const Value* value,
                                          std::string_view fallback) {
  if (value == nullptr) return fallback;
  if (value->is_string()) return value->as_string();
  if (value->is_undefined()) return undefined_error(*value);
  return template_error("{}: expected a string, found {}", callee, type_name(*value));
}

}  // namespace hearth::text::jinja
