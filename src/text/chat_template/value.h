// What a template computes with: Python's None, bool, int, float, str, list and dict, and the kinds that only
// a running template sees.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace hearth::text {

namespace jinja {
class Object;
struct StringData;
struct SequenceData;
struct DictData;
struct RangeData;
struct UndefinedData;
}  // namespace jinja

// Immutable, and cheap to copy (contents are shared), so values may be read from several threads.
class Value {
 public:
  enum class Kind : uint8_t {
    kNone,
    kBool,
    kInt,  // 64 bits; arithmetic that leaves them is an error, not a wrap
    kFloat,
    kString,  // UTF-8; indexed by code point
    kSequence,
    kDict,  // in insertion order
    // Only inside a running template:
    kRange,
    kUndefined,
    kObject,  // a function, macro, namespace, loop or generator
  };

  Value() noexcept = default;  // None
  static Value boolean(bool value);
  static Value integer(int64_t value);
  static Value real(double value);
  static Value string(std::string utf8);
  static Value list(std::vector<Value> items);
  // A key that occurs twice keeps its first place and its last value.
  static Value dict(std::vector<std::pair<std::string, Value>> entries);

  // For the template engine itself.
  static Value of(jinja::StringData data);
  static Value of(jinja::SequenceData data);
  static Value of(jinja::DictData data);
  static Value of(jinja::RangeData data);
  static Value of(jinja::UndefinedData data);
  static Value of(jinja::Object* object);  // the running template owns the object

  Kind kind() const noexcept { return static_cast<Kind>(data_.index()); }
  bool is(Kind k) const noexcept { return kind() == k; }
  bool is_none() const noexcept { return is(Kind::kNone); }
  bool is_string() const noexcept { return is(Kind::kString); }
  bool is_dict() const noexcept { return is(Kind::kDict); }
  bool is_undefined() const noexcept { return is(Kind::kUndefined); }
  bool is_number() const noexcept { return is(Kind::kBool) || is(Kind::kInt) || is(Kind::kFloat); }
  bool is_integral() const noexcept { return is(Kind::kBool) || is(Kind::kInt); }

  // Each requires its kind; as_int takes a bool too, as Python does, and as_float any number.
  bool as_bool() const { return get<bool>(); }
  int64_t as_int() const { return is(Kind::kBool) ? static_cast<int64_t>(as_bool()) : get<int64_t>(); }
  double as_float() const { return is(Kind::kFloat) ? get<double>() : static_cast<double>(as_int()); }
  std::string_view as_string() const;
  const jinja::StringData& string_data() const { return *get<std::shared_ptr<const jinja::StringData>>(); }
  const jinja::SequenceData& sequence() const { return *get<std::shared_ptr<const jinja::SequenceData>>(); }
  const std::vector<Value>& items() const;
  const jinja::DictData& dict_data() const { return *get<std::shared_ptr<const jinja::DictData>>(); }
  const jinja::RangeData& range() const { return *get<std::shared_ptr<const jinja::RangeData>>(); }
  const jinja::UndefinedData& undefined() const {
    return *get<std::shared_ptr<const jinja::UndefinedData>>();
  }
  jinja::Object& object() const { return *get<jinja::Object*>(); }

  // How many containers stand inside one another: 0 for a scalar, 1 for [], 2 for [[]].
  size_t depth() const noexcept;
  // Whether both are the same scalar or share their contents (Python's `is`).
  bool same_as(const Value& other) const;

 private:
  template <typename T>
  const T& get() const {
    const T* held = std::get_if<T>(&data_);
    return (HEARTH_CHECK(held != nullptr), *held);
  }

  // The order is Kind's.
  std::variant<std::monostate, bool, int64_t, double, std::shared_ptr<const jinja::StringData>,
               std::shared_ptr<const jinja::SequenceData>, std::shared_ptr<const jinja::DictData>,
               std::shared_ptr<const jinja::RangeData>, std::shared_ptr<const jinja::UndefinedData>,
               jinja::Object*>
      data_;
};

// The value of a JSON text, objects in the order of their keys in the text. kMalformed for text that is not
// JSON, kResourceExhausted for one nested deeper than templates can walk (jinja::kMaxDepth). An integer
// beyond 64 bits becomes a float.
Result<Value> value_from_json(std::string_view json);

namespace jinja {

struct StringData {
  explicit StringData(std::string text, bool is_markup = false);

  std::string bytes;
  bool ascii;   // then a code point is a byte, and indexing costs nothing
  bool markup;  // marked by |safe or |escape: what is added to it is escaped first
};

struct SequenceData {
  enum class Form : uint8_t { kList, kTuple, kDictItems, kDictKeys, kDictValues };

  explicit SequenceData(std::vector<Value> values, Form as = Form::kList);
  bool is_view() const noexcept { return form != Form::kList && form != Form::kTuple; }

  std::vector<Value> items;
  Form form;
  size_t depth;
};

struct DictData {
  using Entry = std::pair<Value, Value>;

  // Keys must be hashable (see is_hashable). Later values win, at the first one's place.
  explicit DictData(std::vector<Entry> pairs);
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;

  std::vector<Entry> entries;
  std::vector<uint32_t> by_key;  // indices into entries, in compare_keys order
  size_t depth;
};

// Every bound within +-2^61 (range() sees to that), so that nothing here overflows.
struct RangeData {
  int64_t start;
  int64_t stop;
  int64_t step;
  int64_t length;

  int64_t at(int64_t index) const noexcept { return start + step * index; }
};

// A name, attribute or item that is not there. Printing gives nothing; most uses are errors with this
// message.
struct UndefinedData {
  std::string message;
};

// Python's hashable values among ours: scalars, and tuples of them.
bool is_hashable(const Value& value);
// Exact between integers and floats; NaN stands behind every number. Negative, 0 or positive.
int compare_numbers(const Value& a, const Value& b);
// A total order on hashable values in which values equal to Python compare equal. Negative, 0 or positive.
int compare_keys(const Value& a, const Value& b);

Value tuple(std::vector<Value> items);
Value undefined(std::string message);
Value undefined_name(std::string_view name);
// Names in messages, cut where they are long.
std::string shortened(std::string_view name);
bool is_tuple(const Value& value);
bool is_list(const Value& value);

// Python's type names: "str", "NoneType", "dict_items".
std::string type_name(const Value& value);

}  // namespace jinja
}  // namespace hearth::text
