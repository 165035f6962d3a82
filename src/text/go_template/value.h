// What a Go template computes with: Go's bool, int, uint8, float64 and string, slices, maps with string keys
// and structs, as text/template sees them through reflection.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/check.h"
#include "text/chat_template/value.h"

namespace hearth::text::go_template {

struct List;
struct Map;
struct Record;

// The String method of a type, which fmt calls where it prints a value.
enum class StringMethod : uint8_t {
  kNone,
  kJson,   // encoding/json's text
  kNames,  // of a list of strings: the only one, or the list
};

// Immutable, and cheap to copy (contents are shared), so values may be read from several threads.
class Value {
 public:
  enum class Kind : uint8_t {
    kInvalid,  // no value: prints as "<no value>"
    kNil,      // an interface that holds nothing: JSON's null, and what a map does not have
    kBool,
    kInt,   // 64 bits
    kByte,  // uint8: an element of a string
    kFloat,
    kString,  // bytes, by custom UTF-8
    kList,
    kMap,
    kRecord,
  };

  Value() noexcept = default;  // kInvalid
  static Value nil() { return Value(Data(std::in_place_type<Nil>)); }
  static Value boolean(bool value) { return Value(Data(value)); }
  static Value integer(int64_t value) { return Value(Data(value)); }
  static Value byte(uint8_t value) { return Value(Data(value)); }
  static Value real(double value) { return Value(Data(value)); }
  static Value string(std::string bytes) {
    return Value(Data(std::make_shared<const std::string>(std::move(bytes))));
  }
  static Value list(List list);
  static Value list(std::vector<Value> items);
  static Value map(Map map);
  // In any order; of a key that occurs twice, the last one counts.
  static Value map(std::vector<std::pair<std::string, Value>> entries);
  static Value record(Record record);

  Kind kind() const noexcept { return static_cast<Kind>(data_.index()); }
  bool is(Kind k) const noexcept { return kind() == k; }
  // Nothing in it, of whatever type.
  bool is_nothing() const noexcept { return is(Kind::kInvalid) || is(Kind::kNil); }

  // Each requires its kind.
  bool as_bool() const { return get<bool>(); }
  int64_t as_int() const { return get<int64_t>(); }
  uint8_t as_byte() const { return get<uint8_t>(); }
  double as_float() const { return get<double>(); }
  const std::string& as_string() const { return *get<std::shared_ptr<const std::string>>(); }
  const List& as_list() const { return *get<std::shared_ptr<const List>>(); }
  const Map& as_map() const { return *get<std::shared_ptr<const Map>>(); }
  const Record& as_record() const { return *get<std::shared_ptr<const Record>>(); }

 private:
  struct Nil {};
  // The order is Kind's.
  using Data =
      std::variant<std::monostate, Nil, bool, int64_t, uint8_t, double, std::shared_ptr<const std::string>,
                   std::shared_ptr<const List>, std::shared_ptr<const Map>, std::shared_ptr<const Record>>;

  explicit Value(Data data) noexcept : data_(std::move(data)) {}

  template <typename T>
  const T& get() const {
    const T* held = std::get_if<T>(&data_);
    return (HEARTH_CHECK(held != nullptr), *held);
  }

  Data data_;
};

// A slice.
struct List {
  std::vector<Value> items{};
  std::string_view type = "[]interface {}";  // Go's name of it, in messages and for %T
  StringMethod string_method = StringMethod::kNone;
  bool is_nil = false;  // null as JSON, where an empty one is []
};

struct Map {
  using Entry = std::pair<std::string, Value>;

  const Value* find(std::string_view key) const;

  std::vector<Entry> entries{};  // by their keys' bytes, each once: the order of `range`
  std::string_view type = "map[string]interface {}";
  StringMethod string_method = StringMethod::kNone;
  bool is_nil = false;
  Value missing = Value::nil();  // the zero value of its elements, which stands for keys that are not there
};

// A struct, or a pointer to one.
struct Record {
  struct Field {
    std::string_view name;
    std::string_view json_name;
    bool omit_empty = false;  // not in the JSON where it is empty
    Value value{};
  };

  const Value* find(std::string_view name) const;

  std::string_view type;
  std::vector<Field> fields{};
  StringMethod string_method = StringMethod::kNone;
  bool is_pointer = false;
  bool is_json_object = false;  // Go's code hides its fields, and it is seen as JSON only
};

// As Go prints the type; "<nil>" for none.
std::string type_name(const Value& value);
// What `if` goes by: false, 0, nothing and what is empty are not true.
bool is_true(const Value& value);
StringMethod string_method_of(const Value& value);

// What encoding/json makes of the same JSON: numbers are floats, objects are maps.
Value value_of(const text::Value& json);

}  // namespace hearth::text::go_template
