// Reads the fields of a request body, each with the type and range that it must have.
//
//   HEARTH_ASSIGN(JsonBody body, JsonBody::parse(request.body));
//   const auto top_k = body["options"]["top_k"].integer(0, 1000);
//   ...
//   HEARTH_TRY(body.check());
//
// What is wrong is noted with the path of its field ("options.top_k: expected an integer, found \"x\"") and
// told once, by check(); until then reading goes on as if the field were absent. A field that is null counts
// as absent, as in Go.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/wire/api_error.h"
#include "server/wire/json_text.h"

namespace hearth::server::wire {

struct NumberRange {
  double low;
  double high;
  std::string_view text;  // "a number from 0 to 1"
};

// One place in a body: a value, or nothing. Cheap to copy; must not outlive its body.
class Field {
 public:
  bool present() const noexcept { return value_ != nullptr; }
  // What stands there; present() is required. For unions, whose type decides what is meant.
  const Json& json() const;
  const std::string& path() const noexcept { return path_; }

  // The member of an object. Absent where this is absent.
  Field operator[](std::string_view name) const;
  // Nothing where it is absent.
  std::optional<std::string> string() const;
  std::optional<bool> boolean() const;
  // 40.0 is an integer, 40.5 is none.
  std::optional<int64_t> integer(int64_t low = INT64_MIN, int64_t high = INT64_MAX) const;
  std::optional<double> number(const NumberRange& range) const;
  // The elements of a list; none where it is absent.
  std::vector<Field> items() const;
  // The names and values of an object.
  std::vector<std::pair<std::string, Field>> members() const;
  std::vector<std::string> strings() const;
  // A text or a list of texts.
  std::vector<std::string> string_or_strings() const;
  // Token ids.
  std::vector<int32_t> ids() const;
  std::optional<Json> object() const;
  std::optional<Json> list() const;
  // That it must be there: "model: is required".
  Field required() const;

  // Notes that the field is wrong: "path: expected X, found ...".
  void expected(std::string_view what) const;
  // "path: message".
  void reject(std::string_view message) const;

 private:
  friend class JsonBody;
  using Problem = std::optional<ApiError>;
  Field(const Json* value, std::string path, Problem* problem)
      : value_(value), path_(std::move(path)), problem_(problem) {}

  const Json* value_;
  std::string path_;
  Problem* problem_;
};

class JsonBody {
 public:
  // 400 "missing request body" where it is empty, and for what is no JSON object.
  static ApiResult<JsonBody> parse(std::string_view body, const JsonLimits& limits = {});

  Field root() const;
  Field operator[](std::string_view name) const { return root()[name]; }
  // The first thing that was wrong with what was read.
  ApiResult<void> check() const;

 private:
  struct State {
    State() noexcept(false) = default;  // Json's checks itself where assertions are on

    Json json;
    std::optional<ApiError> problem;
  };
  explicit JsonBody(std::unique_ptr<State> state) : state_(std::move(state)) {}

  std::unique_ptr<State> state_;
};

}  // namespace hearth::server::wire
