#include "text/chat_template/object.h"

#include "text/chat_template/arguments.h"
#include "text/chat_template/methods.h"
#include "text/chat_template/runtime.h"

namespace hearth::text::jinja {

Result<Value> Object::call(Runtime& /*runtime*/, const Arguments& /*arguments*/) {
  return template_error("'{}' object is not callable", type_name());
}

Result<std::optional<Value>> Object::attribute(Runtime& /*runtime*/, std::string_view /*name*/) {
  return std::optional<Value>();
}

bool Object::has_method(std::string_view /*name*/) const {
  return false;
}

Result<Value> Object::call_method(Runtime& /*runtime*/, std::string_view name,
                                  const Arguments& /*arguments*/) {
  return template_error("'{} object' has no method '{}'", type_name(), name);
}

std::string Object::text() const {
  return "<" + type_name() + ">";
}

Result<std::optional<Value>> Namespace::attribute(Runtime& /*runtime*/, std::string_view name) {
  const auto at = attributes_.find(name);
  return at == attributes_.end() ? std::optional<Value>() : std::optional(at->second);
}

void Namespace::set(std::string_view name, Value value) {
  attributes_.insert_or_assign(std::string(name), std::move(value));
}

std::vector<Value> Generator::drain() {
  std::vector<Value> rest = std::exchange(items_, {});
  rest.erase(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(std::exchange(next_, 0)));
  return rest;
}

std::optional<Value> Generator::next() {
  return next_ < items_.size() ? std::optional(items_[next_++]) : std::nullopt;
}

Result<std::optional<Value>> Cycler::attribute(Runtime& /*runtime*/, std::string_view name) {
  return name == "current" ? std::optional(items_[position_]) : std::optional<Value>();
}

Result<Value> Cycler::call_method(Runtime& /*runtime*/, std::string_view name, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("cycler", arguments));
  if (name == "reset") {
    position_ = 0;
    return Value();
  }
  Value current = items_[position_];
  position_ = (position_ + 1) % items_.size();
  return current;
}

Result<Value> Joiner::call(Runtime& /*runtime*/, const Arguments& arguments) {
  HEARTH_TRY(expect_no_arguments("joiner", arguments));
  return std::exchange(used_, true) ? separator_ : Value::string("");
}

Result<Value> BoundMethod::call(Runtime& runtime, const Arguments& arguments) {
  return jinja::call_method(runtime, self_, name_, arguments);
}

std::string BoundMethod::text() const {
  return "<built-in method " + name_ + " of " + jinja::type_name(self_) + " object>";
}

}  // namespace hearth::text::jinja
