// Why a request of an API was not done: what every dialect makes its error bodies of.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "base/result.h"
#include "protocol/engine.pb.h"

namespace hearth::server::wire {

struct ApiError {
  ApiError(int http_status, std::string text, std::string path = {})
      : status(http_status), message(std::move(text)), field(std::move(path)) {}
  // With the status of the error's code.
  ApiError(const Error& error);  // NOLINT(google-explicit-constructor): so that HEARTH_TRY returns one

  int status;
  std::string message;
  std::string field;  // "options.top_k" where one field is at fault; the message names it too
};

// What an engine says of a call that it could not do.
ApiError api_error_of(const protocol::Failure& failure);

// A value or an ApiError, as Result<T>; HEARTH_ASSIGN and HEARTH_TRY work with it.
template <typename T>
class [[nodiscard]] ApiResult {
 public:
  // NOLINTBEGIN(google-explicit-constructor): as Result.
  ApiResult(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  ApiResult(ApiError error) : state_(std::in_place_index<1>, std::move(error)) {}
  ApiResult(const Error& error) : state_(std::in_place_index<1>, error) {}
  // NOLINTEND(google-explicit-constructor)

  bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  T& value() & { return (HEARTH_CHECK(has_value()), *std::get_if<0>(&state_)); }
  const T& value() const& { return (HEARTH_CHECK(has_value()), *std::get_if<0>(&state_)); }
  T&& value() && { return (HEARTH_CHECK(has_value()), std::move(*std::get_if<0>(&state_))); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const ApiError& error() const { return (HEARTH_CHECK(!has_value()), *std::get_if<1>(&state_)); }

 private:
  std::variant<T, ApiError> state_;
};

template <>
class [[nodiscard]] ApiResult<void> {
 public:
  ApiResult() = default;
  // NOLINTBEGIN(google-explicit-constructor): as Result.
  ApiResult(ApiError error) : error_(std::move(error)) {}
  ApiResult(const Error& error) : error_(error) {}
  // NOLINTEND(google-explicit-constructor)

  bool has_value() const noexcept { return !error_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }
  const ApiError& error() const { return (HEARTH_CHECK(error_.has_value()), *error_); }

 private:
  std::optional<ApiError> error_;
};

}  // namespace hearth::server::wire
