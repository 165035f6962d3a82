// Values with an identity: what a running template can call or change. The Runtime owns them until the
// rendering ends and values only point at them, so that a namespace that holds itself is no leak.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/chat_template/value.h"

namespace hearth::text::jinja {

class Runtime;

// Of one call.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

class Object {
 public:
  Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual ~Object() = default;

  virtual std::string type_name() const = 0;
  virtual bool is_callable() const { return false; }
  virtual Result<Value> call(Runtime& runtime, const Arguments& arguments);
  // Nothing where there is no such attribute.
  virtual Result<std::optional<Value>> attribute(Runtime& runtime, std::string_view name);
  virtual bool has_method(std::string_view name) const;
  // Requires has_method(name).
  virtual Result<Value> call_method(Runtime& runtime, std::string_view name, const Arguments& arguments);
  virtual std::string text() const;
};

// namespace(): the one thing that a template can assign to from an inner scope.
class Namespace final : public Object {
 public:
  std::string type_name() const override { return "Namespace"; }
  Result<std::optional<Value>> attribute(Runtime& runtime, std::string_view name) override;
  void set(std::string_view name, Value value);

 private:
  std::map<std::string, Value, std::less<>> attributes_;
};

// What map, select and their kin give: it can be walked once, and has neither length nor index.
class Generator final : public Object {
 public:
  explicit Generator(std::vector<Value> items) : items_(std::move(items)) {}

  std::string type_name() const override { return "generator"; }
  // What is left; nothing remains.
  std::vector<Value> drain();
  // The first of what is left is gone then.
  std::optional<Value> next();

 private:
  std::vector<Value> items_;
  size_t next_ = 0;
};

// cycler('odd', 'even')
class Cycler final : public Object {
 public:
  explicit Cycler(std::vector<Value> items) : items_(std::move(items)) {}

  std::string type_name() const override { return "Cycler"; }
  Result<std::optional<Value>> attribute(Runtime& runtime, std::string_view name) override;
  bool has_method(std::string_view name) const override { return name == "next" || name == "reset"; }
  Result<Value> call_method(Runtime& runtime, std::string_view name, const Arguments& arguments) override;

 private:
  std::vector<Value> items_;
  size_t position_ = 0;
};

// joiner(', '): nothing on the first call, the separator ever after.
class Joiner final : public Object {
 public:
  explicit Joiner(Value separator) : separator_(std::move(separator)) {}

  std::string type_name() const override { return "Joiner"; }
  bool is_callable() const override { return true; }
  Result<Value> call(Runtime& runtime, const Arguments& arguments) override;

 private:
  Value separator_;
  bool used_ = false;
};

// A function that every template can call, such as range().
class Function final : public Object {
 public:
  using Body = Result<Value> (*)(Runtime& runtime, const Arguments& arguments);
  explicit Function(Body body) : body_(body) {}

  std::string type_name() const override { return "function"; }
  bool is_callable() const override { return true; }
  Result<Value> call(Runtime& runtime, const Arguments& arguments) override {
    return body_(runtime, arguments);
  }

 private:
  Body body_;
};

// A method as a value: str.upper in `{% set f = name.upper %}`.
class BoundMethod final : public Object {
 public:
  BoundMethod(Value self, std::string name) : self_(std::move(self)), name_(std::move(name)) {}

  std::string type_name() const override { return "builtin_function_or_method"; }
  bool is_callable() const override { return true; }
  Result<Value> call(Runtime& runtime, const Arguments& arguments) override;
  std::string text() const override;

 private:
  Value self_;
  std::string name_;
};

}  // namespace hearth::text::jinja
