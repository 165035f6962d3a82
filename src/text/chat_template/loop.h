// The variable `loop`, and the walk that it describes.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "text/chat_template/interpreter.h"

namespace hearth::text::jinja {

// Items that do not pass the loop's `if` are skipped as the walk reaches them, not before: the condition may
// depend on what the body does.
class Loop final : public Object {
 public:
  Loop(Interpreter& interpreter, const For& node, std::shared_ptr<Scope> scope, std::vector<Value> items,
       size_t depth)
      : interpreter_(interpreter),
        node_(node),
        scope_(std::move(scope)),
        items_(std::move(items)),
        depth_(depth) {}

  // Moves on: the new item, or nothing at the end.
  Result<std::optional<Value>> advance();

  std::string type_name() const override { return "LoopContext"; }
  bool is_callable() const override { return true; }
  // loop(children), in a recursive loop.
  Result<Value> call(Runtime& runtime, const Arguments& arguments) override;
  Result<std::optional<Value>> attribute(Runtime& runtime, std::string_view name) override;
  bool has_method(std::string_view name) const override { return name == "cycle" || name == "changed"; }
  Result<Value> call_method(Runtime& runtime, std::string_view name, const Arguments& arguments) override;

 private:
  Result<std::optional<Value>> pull();
  // Makes sure that the next item is in ahead_, if there is one.
  Result<void> peek();
  Result<int64_t> length();

  Interpreter& interpreter_;
  const For& node_;
  std::shared_ptr<Scope> scope_;
  std::vector<Value> items_;
  size_t next_ = 0;
  std::deque<Value> ahead_;
  int64_t index0_ = -1;
  std::optional<Value> previous_;
  std::optional<Value> current_;
  std::optional<Value> last_changed_;
  size_t depth_;
};

}  // namespace hearth::text::jinja
