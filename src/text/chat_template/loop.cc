#include "text/chat_template/loop.h"

#include "text/chat_template/operators.h"

namespace hearth::text::jinja {

Result<std::optional<Value>> Loop::pull() {
  while (next_ < items_.size()) {
    Value item = items_[next_++];
    if (node_.condition == nullptr) return std::optional(std::move(item));
    HEARTH_ASSIGN(const bool passes, interpreter_.passes(node_, scope_, item));
    if (passes) return std::optional(std::move(item));
  }
  return std::optional<Value>();
}

Result<void> Loop::peek() {
  if (!ahead_.empty()) return {};
  HEARTH_ASSIGN(std::optional<Value> item, pull());
  if (item) ahead_.push_back(*std::move(item));
  return {};
}

Result<int64_t> Loop::length() {
  while (next_ < items_.size()) {
    HEARTH_ASSIGN(std::optional<Value> item, pull());
    if (item) ahead_.push_back(*std::move(item));
  }
  return index0_ + 1 + static_cast<int64_t>(ahead_.size());
}

Result<std::optional<Value>> Loop::advance() {
  HEARTH_TRY(peek());
  if (ahead_.empty()) return std::optional<Value>();
  previous_ = std::exchange(current_, std::move(ahead_.front()));
  ahead_.pop_front();
  ++index0_;
  return current_;
}

Result<Value> Loop::call(Runtime& /*runtime*/, const Arguments& arguments) {
  if (!node_.recursive) return template_error("loop(): the loop is not marked 'recursive'");
  if (arguments.positional.size() != 1 || !arguments.named.empty()) {
    return template_error("loop(): expected one argument");
  }
  return interpreter_.run_recursive_loop(node_, scope_, arguments.positional.front(), depth_ + 1);
}

Result<std::optional<Value>> Loop::attribute(Runtime& /*runtime*/, std::string_view name) {
  const auto integer = [](int64_t value) { return std::optional(Value::integer(value)); };
  if (name == "index") return integer(index0_ + 1);
  if (name == "index0") return integer(index0_);
  if (name == "first") return std::optional(Value::boolean(index0_ == 0));
  if (name == "depth") return integer(static_cast<int64_t>(depth_) + 1);
  if (name == "depth0") return integer(static_cast<int64_t>(depth_));
  if (name == "previtem") return previous_ ? previous_ : undefined("there is no previous item");
  if (name == "last" || name == "nextitem") {
    HEARTH_TRY(peek());
    if (name == "last") return std::optional(Value::boolean(ahead_.empty()));
    return std::optional(ahead_.empty() ? undefined("there is no next item") : ahead_.front());
  }
  if (name == "length" || name == "revindex" || name == "revindex0") {
    HEARTH_ASSIGN(const int64_t n, length());
    return integer(name == "length" ? n : n - index0_ - static_cast<int64_t>(name == "revindex0"));
  }
  return std::optional<Value>();
}

Result<Value> Loop::call_method(Runtime& runtime, std::string_view name, const Arguments& arguments) {
  if (name == "cycle") {
    if (arguments.positional.empty()) return template_error("loop.cycle: no items for cycling given");
    const auto n = static_cast<int64_t>(arguments.positional.size());
    return arguments.positional[static_cast<size_t>(index0_ % n)];
  }
  const Value now = tuple(arguments.positional);
  if (last_changed_) {
    HEARTH_ASSIGN(const bool same, are_equal(runtime, *last_changed_, now));
    if (same) return Value::boolean(false);
  }
  last_changed_ = now;
  return Value::boolean(true);
}

}  // namespace hearth::text::jinja
