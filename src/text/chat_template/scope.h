// Variables. A loop's body, a macro and most blocks have a scope of their own, which ends with them; {% if %}
// has none.
#pragma once

#include <memory>
#include <unordered_map>

#include "text/chat_template/ast.h"

namespace hearth::text::jinja {

// Shared, because a macro keeps the scope in which it was defined.
struct Scope {
  explicit Scope(std::shared_ptr<Scope> outer) : parent(std::move(outer)) {}

  const Value* find(NameId name) const {
    for (const Scope* scope = this; scope != nullptr; scope = scope->parent.get()) {
      const auto at = scope->variables.find(name);
      if (at != scope->variables.end()) return &at->second;
    }
    return nullptr;
  }

  std::shared_ptr<Scope> parent;
  std::unordered_map<NameId, Value> variables;
};

}  // namespace hearth::text::jinja
