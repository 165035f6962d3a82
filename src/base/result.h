// Result<T>: a value, or an Error that says what happened, to what, what was expected and what came.
//
// Everything that outside input can cause (a file, a request, the network, a memory budget) comes back as a
// Result; our own bugs are HEARTH_CHECKs (base/check.h). The member names are std::expected's, which GCC 12
// lacks.
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <utility>
#include <variant>

#include "base/check.h"

namespace hearth {

// Few codes, each with one HTTP status and one exit code (error_traits).
enum class ErrorCode {
  kUsage,              // the command line or the call is wrong
  kInvalidArgument,    // a value in a request is out of its range
  kNotFound,           // the named file, model or tensor does not exist
  kMalformed,          // a file or message breaks its format
  kUnsupported,        // well-formed, but Hearth cannot do it
  kResourceExhausted,  // memory, context or a limit does not suffice; the message has the numbers
  kUnavailable,        // cannot be served now, may be later
  kCancelled,          // the person or client stopped it
  kIo,                 // the operating system refused; the message has its reason
};

struct ErrorTraits {
  const char* name;
  int http_status;
  int exit_code;
};
const ErrorTraits& error_traits(ErrorCode code) noexcept;

class [[nodiscard]] Error {
 public:
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const noexcept { return code_; }
  const std::string& message() const noexcept { return message_; }

  // The same error seen from one level up: "where: message".
  Error in(std::string_view where) const { return {code_, fmt::format("{}: {}", where, message_)}; }

 private:
  ErrorCode code_;
  std::string message_;
};

template <typename... Args>
Error make_error(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return {code, fmt::format(format, std::forward<Args>(args)...)};
}

// Not thread-safe, like the value that it holds.
template <typename T>
class [[nodiscard]] Result {
 public:
  // NOLINTBEGIN(google-explicit-constructor): a function returns its value or its error by name.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  // NOLINTEND(google-explicit-constructor)

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & { return (HEARTH_CHECK(has_value()), *std::get_if<0>(&state_)); }
  const T& value() const& { return (HEARTH_CHECK(has_value()), *std::get_if<0>(&state_)); }
  T&& value() && { return (HEARTH_CHECK(has_value()), std::move(*std::get_if<0>(&state_))); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T value_or(T fallback) && { return has_value() ? std::move(*this).value() : std::move(fallback); }

  const Error& error() const { return (HEARTH_CHECK(!has_value()), *std::get_if<1>(&state_)); }

 private:
  std::variant<T, Error> state_;
};

// Success is one null pointer.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  // NOLINTNEXTLINE(google-explicit-constructor)
  Result(Error error) : error_(std::make_unique<Error>(std::move(error))) {}

  bool has_value() const noexcept { return error_ == nullptr; }
  explicit operator bool() const noexcept { return has_value(); }
  const Error& error() const { return (HEARTH_CHECK(error_ != nullptr), *error_); }

 private:
  std::unique_ptr<Error> error_;
};

}  // namespace hearth

#define HEARTH_CONCAT_INNER(a, b) a##b
#define HEARTH_CONCAT(a, b) HEARTH_CONCAT_INNER(a, b)

// HEARTH_TRY(expression): returns its error from the calling function.
#define HEARTH_TRY(expression)                                                              \
  do {                                                                                      \
    if (auto hearth_result_ = (expression); !hearth_result_) return hearth_result_.error(); \
  } while (false)

// HEARTH_ASSIGN(declaration, expression): the value of a Result, or return its error from the calling
// function.
#define HEARTH_ASSIGN(declaration, expression) \
  HEARTH_ASSIGN_INNER(HEARTH_CONCAT(hearth_result_, __LINE__), declaration, expression)
// NOLINTBEGIN(bugprone-macro-parentheses): `result` is declared here, and no declaration stands in
// parentheses.
#define HEARTH_ASSIGN_INNER(result, declaration, expression) \
  auto result = (expression);                                \
  if (!result) return result.error();                        \
  declaration = std::move(result).value()
// NOLINTEND(bugprone-macro-parentheses)
