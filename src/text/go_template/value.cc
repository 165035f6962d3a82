#include "text/go_template/value.h"

#include <algorithm>

namespace hearth::text::go_template {

Value Value::list(List list) {
  return Value(Data(std::make_shared<const List>(std::move(list))));
}

Value Value::list(std::vector<Value> items) {
  List made;
  made.items = std::move(items);
  return list(std::move(made));
}

Value Value::map(Map map) {
  const auto by_key = [](const Map::Entry& a, const Map::Entry& b) { return a.first < b.first; };
  std::ranges::stable_sort(map.entries, by_key);
  // The last of equals stays.
  std::vector<Map::Entry> unique;
  unique.reserve(map.entries.size());
  for (Map::Entry& entry : map.entries) {
    if (!unique.empty() && unique.back().first == entry.first) unique.pop_back();
    unique.push_back(std::move(entry));
  }
  map.entries = std::move(unique);
  return Value(Data(std::make_shared<const Map>(std::move(map))));
}

Value Value::map(std::vector<std::pair<std::string, Value>> entries) {
  Map made;
  made.entries = std::move(entries);
  return map(std::move(made));
}

Value Value::record(Record record) {
  return Value(Data(std::make_shared<const Record>(std::move(record))));
}

const Value* Map::find(std::string_view key) const {
  const auto at = std::ranges::lower_bound(
      entries, key, {}, [](const Entry& entry) -> std::string_view { return entry.first; });
  return at != entries.end() && at->first == key ? &at->second : nullptr;
}

const Value* Record::find(std::string_view name) const {
  const auto at = std::ranges::find(fields, name, &Field::name);
  return at == fields.end() || is_json_object ? nullptr : &at->value;
}

std::string type_name(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kInvalid:
    case Value::Kind::kNil:
      return "<nil>";
    case Value::Kind::kBool:
      return "bool";
    case Value::Kind::kInt:
      return "int";
    case Value::Kind::kByte:
      return "uint8";
    case Value::Kind::kFloat:
      return "float64";
    case Value::Kind::kString:
      return "string";
    case Value::Kind::kList:
      return std::string(value.as_list().type);
    case Value::Kind::kMap:
      return std::string(value.as_map().type);
    case Value::Kind::kRecord:
      return (value.as_record().is_pointer ? "*" : "") + std::string(value.as_record().type);
  }
  return "";
}

bool is_true(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kInvalid:
    case Value::Kind::kNil:
      return false;
    case Value::Kind::kBool:
      return value.as_bool();
    case Value::Kind::kInt:
      return value.as_int() != 0;
    case Value::Kind::kByte:
      return value.as_byte() != 0;
    case Value::Kind::kFloat:
      return value.as_float() != 0;
    case Value::Kind::kString:
      return !value.as_string().empty();
    case Value::Kind::kList:
      return !value.as_list().items.empty();
    case Value::Kind::kMap:
      return !value.as_map().entries.empty();
    case Value::Kind::kRecord:
      return true;
  }
  return false;
}

StringMethod string_method_of(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::kList:
      return value.as_list().string_method;
    case Value::Kind::kMap:
      return value.as_map().string_method;
    case Value::Kind::kRecord:
      return value.as_record().string_method;
    default:
      return StringMethod::kNone;
  }
}

Value value_of(const text::Value& json) {
  using JsonKind = text::Value::Kind;
  switch (json.kind()) {
    case JsonKind::kBool:
      return Value::boolean(json.as_bool());
    case JsonKind::kInt:
    case JsonKind::kFloat:
      return Value::real(json.as_float());
    case JsonKind::kString:
      return Value::string(std::string(json.as_string()));
    case JsonKind::kSequence: {
      std::vector<Value> items;
      items.reserve(json.items().size());
      for (const text::Value& item : json.items()) items.push_back(value_of(item));
      return Value::list(std::move(items));
    }
    case JsonKind::kDict: {
      std::vector<Map::Entry> entries;
      for (const auto& [key, value] : json.dict_data().entries)
        entries.emplace_back(std::string(key.as_string()), value_of(value));
      return Value::map(std::move(entries));
    }
    default:
      return Value::nil();
  }
}

}  // namespace hearth::text::go_template
