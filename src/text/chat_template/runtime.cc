#include "text/chat_template/runtime.h"

namespace hearth::text::jinja {

Result<Value> Runtime::dict(std::vector<DictData::Entry> entries) {
  HEARTH_TRY(budget_.elements(entries.size()));
  for (const auto& [key, value] : entries) {
    if (!is_hashable(key)) return template_error("a dict's key: unhashable type: '{}'", type_name(key));
    if (key.is_string()) HEARTH_TRY(budget_.bytes(key.as_string().size()));
  }
  return checked_depth(Value::of(DictData(std::move(entries))));
}

Result<Value> Runtime::generator(std::vector<Value> items) {
  HEARTH_TRY(budget_.elements(items.size()));
  HEARTH_ASSIGN(Generator * made, make<Generator>(std::move(items)));
  return Value::of(made);
}

Result<Value> Runtime::checked_depth(Value value) {
  if (value.depth() > kMaxDepth) {
    return make_error(ErrorCode::kResourceExhausted, "lists and dicts are nested more than {} deep",
                      kMaxDepth);
  }
  return value;
}

}  // namespace hearth::text::jinja
