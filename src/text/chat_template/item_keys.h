// What filters such as map, sort and groupby take from each item: the item itself, or a dotted attribute of
// it.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "text/chat_template/operators.h"

namespace hearth::text::jinja {

class ItemKey {
 public:
  // `attribute`: null or None for the item itself, an index, or a path such as "function.name". With
  // `several`, paths between commas give a list of keys.
  static Result<ItemKey> create(Runtime& runtime, std::string_view callee, const Value* attribute,
                                bool several = false);

  // Missing attributes give `fallback` where it is not null, else undefined.
  Result<Value> of(Runtime& runtime, const Value& item, const Value* fallback = nullptr) const;
  // Lower-cased where it is text and `ignores_case`.
  Result<Value> sort_key(Runtime& runtime, const Value& item, bool ignores_case) const;

 private:
  using Path = std::vector<Value>;
  static Path parse(std::string_view path);

  std::vector<Path> paths_;
  bool several_ = false;
};

}  // namespace hearth::text::jinja
