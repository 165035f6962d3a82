// What everything that runs on behalf of a template shares: its budget, and the objects that it made.
#pragma once

#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/chat_template/limits.h"
#include "text/chat_template/object.h"
#include "text/chat_template/value.h"

namespace hearth::text::jinja {

// One per rendering; not thread-safe.
class Runtime {
 public:
  Runtime(const RenderLimits& limits, std::optional<std::tm> now) : budget_(limits), now_(now) {}

  Budget& budget() { return budget_; }
  const std::optional<std::tm>& now() const { return now_; }

  Result<Value> text(std::string bytes, bool markup = false) {
    HEARTH_TRY(budget_.bytes(bytes.size()));
    return Value::of(StringData(std::move(bytes), markup));
  }

  Result<Value> sequence(std::vector<Value> items, SequenceData::Form form = SequenceData::Form::kList) {
    HEARTH_TRY(budget_.elements(items.size()));
    return checked_depth(Value::of(SequenceData(std::move(items), form)));
  }

  // Refuses keys that are not hashable.
  Result<Value> dict(std::vector<DictData::Entry> entries);

  template <typename T, typename... Args>
  Result<T*> make(Args&&... args) {
    HEARTH_TRY(budget_.bytes(kObjectBytes));
    auto object = std::make_unique<T>(std::forward<Args>(args)...);
    T* const made = object.get();
    objects_.push_back(std::move(object));
    return made;
  }

  Result<Value> generator(std::vector<Value> items);

 private:
  static Result<Value> checked_depth(Value value);

  static constexpr uint64_t kObjectBytes = 256;

  Budget budget_;
  std::optional<std::tm> now_;
  std::vector<std::unique_ptr<Object>> objects_;
};

// An error of the template or of what it was given.
template <typename... Args>
Error template_error(fmt::format_string<Args...> format, Args&&... args) {
  return make_error(ErrorCode::kInvalidArgument, format, std::forward<Args>(args)...);
}

}  // namespace hearth::text::jinja
