#include "formats/gguf/metadata.h"

#include <algorithm>
#include <bit>

#include "base/checked.h"
#include "base/excerpt.h"
#include "formats/gguf/limits.h"

namespace hearth::gguf {
namespace {

Result<ValueType> read_type(Reader& reader, std::string_view what) {
  const uint64_t offset = reader.offset();
  HEARTH_ASSIGN(const uint32_t id, reader.number<uint32_t>(what));
  if (const auto type = value_type_from_id(id)) return *type;
  return make_error(ErrorCode::kMalformed, "byte {}: expected {} from 0 to 12, found {}", offset, what, id);
}

Result<void> check_bools(std::span<const std::byte> bytes, uint64_t offset) {
  const auto bad = std::ranges::find_if(bytes, [](std::byte b) { return b > std::byte{1}; });
  if (bad == bytes.end()) return {};
  return make_error(ErrorCode::kMalformed, "byte {}: expected a bool of 0 or 1, found {}",
                    offset + static_cast<uint64_t>(bad - bytes.begin()), std::to_integer<int>(*bad));
}

// `count` values of one type other than array, one behind the other.
Result<std::span<const std::byte>> read_values(Reader& reader, ValueType type, uint64_t count) {
  const uint64_t start = reader.offset();
  if (type == ValueType::kString) {
    // Each has its length before it: a count beyond that is refused before the first is read.
    if (count > reader.remaining() / kStringLengthBytes) {
      return make_error(ErrorCode::kMalformed,
                        "byte {}: expected {} strings, found {} bytes before the end of "
                        "the file",
                        start, count, reader.remaining());
    }
    for (uint64_t i = 0; i < count; ++i) HEARTH_TRY(reader.string("a string"));
    return reader.whole().subspan(start, reader.offset() - start);
  }
  uint64_t size_bytes = 0;
  if (!checked_mul(count, fixed_size_bytes(type), size_bytes)) {
    return make_error(ErrorCode::kMalformed,
                      "byte {}: expected values that fit into the file, found {} of {}", start, count,
                      value_type_name(type));
  }
  HEARTH_ASSIGN(const auto bytes, reader.take(size_bytes, value_type_name(type)));
  if (type == ValueType::kBool) HEARTH_TRY(check_bools(bytes, start));
  return bytes;
}

Result<Value> read_array(Reader& reader) {
  const uint64_t offset = reader.offset();
  HEARTH_ASSIGN(const ValueType type, read_type(reader, "an array's element type"));
  if (type == ValueType::kArray) {
    return make_error(ErrorCode::kUnsupported,
                      "byte {}: expected an array of plain values, found one of arrays", offset);
  }
  HEARTH_ASSIGN(const uint64_t count, reader.number<uint64_t>("an array's count"));
  HEARTH_ASSIGN(const auto bytes, read_values(reader, type, count));
  return Value(type, count, bytes);
}

Result<Value> read_value(Reader& reader) {
  HEARTH_ASSIGN(const ValueType type, read_type(reader, "a value type"));
  if (type == ValueType::kArray) return read_array(reader);
  if (type == ValueType::kString) {
    HEARTH_ASSIGN(const auto text, reader.string("a string"));
    return Value(type, std::as_bytes(std::span(text)));
  }
  HEARTH_ASSIGN(const auto bytes, read_values(reader, type, 1));
  return Value(type, bytes);
}

Result<std::string_view> read_key(Reader& reader) {
  const uint64_t offset = reader.offset();
  HEARTH_ASSIGN(const auto key, reader.string("a key", kMaxNameBytes));
  if (!key.empty()) return key;
  return make_error(ErrorCode::kMalformed, "byte {}: expected a key, found an empty one", offset);
}

}  // namespace

const Value* Metadata::find(std::string_view key) const noexcept {
  const MetadataEntry* entry = find_by_name(entries, by_key, &MetadataEntry::key, key);
  return entry != nullptr ? &entry->value : nullptr;
}

Result<Metadata> read_metadata(Reader& reader, uint64_t n_pairs) {
  Metadata metadata;
  metadata.entries.reserve(n_pairs);
  for (uint64_t i = 0; i < n_pairs; ++i) {
    const auto key = read_key(reader);
    if (!key) return key.error().in(fmt::format("metadata pair {} of {}", i + 1, n_pairs));
    const auto value = read_value(reader);
    if (!value) return value.error().in(fmt::format("metadata {}", excerpt(*key)));
    metadata.entries.push_back({*key, *value});
  }
  metadata.by_key = index_by_name(metadata.entries, &MetadataEntry::key);
  if (const auto key = find_duplicate(metadata.entries, metadata.by_key, &MetadataEntry::key)) {
    return make_error(ErrorCode::kMalformed, "metadata {}: expected each key once, found it again",
                      excerpt(*key));
  }
  return metadata;
}

Result<uint32_t> read_alignment(const Metadata& metadata) {
  constexpr std::string_view kKey = "general.alignment";
  const Value* value = metadata.find(kKey);
  if (value == nullptr) return kDefaultAlignment;
  const std::optional<uint64_t> alignment =
      value->type() == ValueType::kU32 ? value->as_u64() : std::optional<uint64_t>();
  if (alignment && std::has_single_bit(*alignment) && *alignment >= kMinAlignment &&
      *alignment <= kMaxAlignment) {
    return static_cast<uint32_t>(*alignment);
  }
  return unexpected_value(
      kKey, fmt::format("a u32 that is a power of two from {} to {}", kMinAlignment, kMaxAlignment), *value);
}

Error unexpected_value(std::string_view key, std::string_view expected, const Value& found) {
  const std::string text =
      found.type() == ValueType::kString ? quoted_excerpt(*found.as_string()) : found.to_string();
  const std::string type = found.is_array()
                               ? fmt::format("array of {}", value_type_name(found.element_type()))
                               : std::string(value_type_name(found.type()));
  return make_error(ErrorCode::kMalformed, "metadata {}: expected {}, found {} {}", excerpt(key), expected,
                    type, text);
}

}  // namespace hearth::gguf
