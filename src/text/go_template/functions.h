// The functions that templates call: Go's own, and those that a caller adds.
#pragma once

#include <ctime>
#include <functional>
#include <span>
#include <string_view>

#include "base/result.h"
#include "text/chat_template/limits.h"
#include "text/go_template/value.h"

namespace hearth::text::go_template {

// What one execution gives to functions.
struct Environment {
  jinja::Budget& budget;
  std::tm now;
};

struct Function {
  std::string_view name;
  size_t least = 0;        // arguments
  size_t most = SIZE_MAX;  //
  size_t n_strings = 0;    // of the first arguments, which must be strings
  Result<Value> (*call)(Environment& environment, std::span<const Value> arguments) = nullptr;
};

// Go's, but for `and` and `or`, which do not evaluate all of their arguments.
std::span<const Function> builtin_functions();

// Ollama's: json, currentDate, yesterdayDate, toTypeScriptType.
std::span<const Function> ollama_functions();

// An error without a place.
template <typename... Args>
Error execution_error(fmt::format_string<Args...> format, Args&&... args) {
  return make_error(ErrorCode::kInvalidArgument, format, std::forward<Args>(args)...);
}

}  // namespace hearth::text::go_template
