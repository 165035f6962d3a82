#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <variant>

#include "base/excerpt.h"
#include "formats/gguf/gguf.h"
#include "formats/gguf/value_type.h"

namespace hearth::gguf {
namespace {

// A number in the widest type of its kind; monostate for a value that is none.
using Number = std::variant<std::monostate, uint64_t, int64_t, float, double>;

Number load_number(ValueType type, std::span<const std::byte> bytes) noexcept {
  switch (type) {
    case ValueType::kU8:
      return uint64_t{load<uint8_t>(bytes)};
    case ValueType::kU16:
      return uint64_t{load<uint16_t>(bytes)};
    case ValueType::kU32:
      return uint64_t{load<uint32_t>(bytes)};
    case ValueType::kU64:
      return load<uint64_t>(bytes);
    case ValueType::kI8:
      return int64_t{load<int8_t>(bytes)};
    case ValueType::kI16:
      return int64_t{load<int16_t>(bytes)};
    case ValueType::kI32:
      return int64_t{load<int32_t>(bytes)};
    case ValueType::kI64:
      return load<int64_t>(bytes);
    case ValueType::kF32:
      return load<float>(bytes);
    case ValueType::kF64:
      return load<double>(bytes);
    case ValueType::kBool:
    case ValueType::kString:
    case ValueType::kArray:
      break;
  }
  return std::monostate{};
}

// The elements of an array in order.
class Elements {
 public:
  Elements(ValueType type, uint64_t count, std::span<const std::byte> bytes) noexcept
      : type_(type), n_left_(count), bytes_(bytes) {}

  bool done() const noexcept { return n_left_ == 0; }
  Value next() noexcept {
    HEARTH_CHECK(n_left_ > 0);
    --n_left_;
    uint64_t size = fixed_size_bytes(type_);
    if (type_ == ValueType::kString) {
      size = load<uint64_t>(bytes_);
      bytes_ = bytes_.subspan(kStringLengthBytes);
    }
    HEARTH_CHECK(size <= bytes_.size());
    const auto element = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return {type_, element};
  }

 private:
  ValueType type_;
  uint64_t n_left_;
  std::span<const std::byte> bytes_;
};

// Every element of an array as `read` gives it, or nothing if one of them does not fit.
template <typename T, typename Read>
std::optional<std::vector<T>> collect(const Value& array, Elements elements, Read read) {
  if (!array.is_array()) return std::nullopt;
  std::vector<T> values;
  while (!elements.done()) {
    const std::optional<T> value = read(elements.next());
    if (!value) return std::nullopt;
    // Not before the first element fits: an array of another type costs nothing.
    if (values.empty()) values.reserve(array.count());
    values.push_back(*value);
  }
  return values;
}

std::optional<float> as_float(const Value& value) noexcept {
  const std::optional<double> number = value.as_f64();
  if (!number) return std::nullopt;
  const bool fits = !std::isfinite(*number) || std::abs(*number) <= std::numeric_limits<float>::max();
  return fits ? std::optional<float>(static_cast<float>(*number)) : std::nullopt;
}

std::optional<int64_t> as_integer(const Value& value) noexcept {
  if (const std::optional<bool> flag = value.as_bool()) return *flag ? 1 : 0;
  return value.as_i64();
}

// Long enough for any number; a string among others shows its beginning.
constexpr size_t kElementLength = 32;

std::string scalar_to_string(const Value& value) {
  if (const auto flag = value.as_bool()) return *flag ? "true" : "false";
  if (const auto integer = value.as_i64()) return fmt::format("{}", *integer);
  if (const auto integer = value.as_u64()) return fmt::format("{}", *integer);
  const auto number = value.as_f64();
  HEARTH_CHECK(number.has_value());
  // Through float, or 0.1F would show the digits of the nearest double.
  if (value.type() == ValueType::kF32) return fmt::format("{}", static_cast<float>(*number));
  return fmt::format("{}", *number);
}

// "[1, 2, 3]", or "[1, 2, ..." where only whole elements before the cut fit.
Excerpt list_elements(Elements elements, size_t max_length) {
  Excerpt out(max_length);
  out.add("[", 1);
  while (!elements.done() && !out.is_cut()) {
    const Value element = elements.next();
    std::string piece = element.type() == ValueType::kString
                            ? quoted_excerpt(*element.as_string(), kElementLength)
                            : scalar_to_string(element);
    if (!elements.done()) piece += ", ";
    // Counted in bytes, which are no fewer than the characters.
    out.add(piece, piece.size());
  }
  out.add("]", 1);
  return out;
}

}  // namespace

std::string_view value_type_name(ValueType type) noexcept {
  switch (type) {
    case ValueType::kU8:
      return "u8";
    case ValueType::kI8:
      return "i8";
    case ValueType::kU16:
      return "u16";
    case ValueType::kI16:
      return "i16";
    case ValueType::kU32:
      return "u32";
    case ValueType::kI32:
      return "i32";
    case ValueType::kF32:
      return "f32";
    case ValueType::kBool:
      return "bool";
    case ValueType::kString:
      return "string";
    case ValueType::kArray:
      return "array";
    case ValueType::kU64:
      return "u64";
    case ValueType::kI64:
      return "i64";
    case ValueType::kF64:
      return "f64";
  }
  return "unknown";
}

std::optional<uint64_t> Value::as_u64() const noexcept {
  const Number number = load_number(type_, bytes_);
  if (const auto* value = std::get_if<uint64_t>(&number)) return *value;
  if (const auto* value = std::get_if<int64_t>(&number); value != nullptr && *value >= 0) {
    return static_cast<uint64_t>(*value);
  }
  return std::nullopt;
}

std::optional<int64_t> Value::as_i64() const noexcept {
  const Number number = load_number(type_, bytes_);
  if (const auto* value = std::get_if<int64_t>(&number)) return *value;
  if (const auto* value = std::get_if<uint64_t>(&number); value != nullptr && *value <= INT64_MAX) {
    return static_cast<int64_t>(*value);
  }
  return std::nullopt;
}

std::optional<double> Value::as_f64() const noexcept {
  const Number number = load_number(type_, bytes_);
  if (const auto* value = std::get_if<double>(&number)) return *value;
  if (const auto* value = std::get_if<float>(&number)) return *value;
  if (const auto* value = std::get_if<int64_t>(&number)) return static_cast<double>(*value);
  if (const auto* value = std::get_if<uint64_t>(&number)) return static_cast<double>(*value);
  return std::nullopt;
}

std::optional<bool> Value::as_bool() const noexcept {
  if (type_ != ValueType::kBool) return std::nullopt;
  return load<uint8_t>(bytes_) != 0;
}

std::optional<std::string_view> Value::as_string() const noexcept {
  if (type_ != ValueType::kString) return std::nullopt;
  return std::string_view(reinterpret_cast<const char*>(bytes_.data()), bytes_.size());
}

std::optional<std::vector<std::string_view>> Value::as_strings() const {
  return collect<std::string_view>(*this, {element_type_, count_, bytes_},
                                   [](const Value& element) { return element.as_string(); });
}

std::optional<std::vector<float>> Value::as_floats() const {
  return collect<float>(*this, {element_type_, count_, bytes_}, as_float);
}

std::optional<std::vector<int64_t>> Value::as_integers() const {
  return collect<int64_t>(*this, {element_type_, count_, bytes_}, as_integer);
}

std::string Value::to_string(size_t max_length) const {
  if (type_ == ValueType::kString) return excerpt(*as_string(), max_length);
  if (type_ != ValueType::kArray) return excerpt(scalar_to_string(*this), max_length);

  const Elements elements(element_type_, count_, bytes_);
  Excerpt whole = list_elements(elements, max_length);
  const std::string suffix = fmt::format("] ({} elements)", count_);
  if (!whole.is_cut() || suffix.size() > max_length) return std::move(whole).finish();
  return list_elements(elements, max_length - suffix.size()).finish() + suffix;
}

}  // namespace hearth::gguf
