#include "formats/gguf/gguf.h"

#include "base/excerpt.h"
#include "base/mapped_file.h"
#include "base/name_index.h"
#include "formats/gguf/metadata.h"
#include "formats/gguf/parser.h"

namespace hearth::gguf {
namespace {

constexpr std::string_view kNumber = "a number";
constexpr std::string_view kBool = "a bool";
constexpr std::string_view kString = "a string";

// A negative number is an integer, only not one that as_u64 takes.
std::string_view wanted_integer(const Value* found) {
  const bool is_integer = found != nullptr && found->as_i64().has_value();
  return is_integer ? "an integer of at least 0" : "an integer";
}

// What a key holds, read by one of Value's accessors; kMalformed where it is absent or of another type.
template <typename T>
Result<T> read_value(const KeyValues& file, std::string_view key, std::string_view wanted,
                     std::optional<T> (Value::*read)() const noexcept) {
  const Value* value = file.find(key);
  if (value == nullptr) {
    return make_error(ErrorCode::kMalformed, "{}: metadata {}: expected {}, found no such key", file.name(),
                      excerpt(key), wanted);
  }
  if (std::optional<T> read_as = (value->*read)()) return *read_as;
  return unexpected_value(key, wanted, *value).in(file.name());
}

}  // namespace

Result<File> File::open(const FileSource& source, const std::filesystem::path& path) {
  return Parser::open(source, path);
}

Result<File> File::parse(std::span<const std::byte> bytes, std::string name) {
  return Parser::parse(bytes, std::move(name));
}

const Value* File::find(std::string_view key) const noexcept {
  const MetadataEntry* entry = find_by_name(metadata_, metadata_by_key_, &MetadataEntry::key, key);
  return entry != nullptr ? &entry->value : nullptr;
}

const TensorInfo* File::find_tensor(std::string_view name) const noexcept {
  return find_by_name(tensors_, tensors_by_name_, &TensorInfo::name, name);
}

Result<uint64_t> KeyValues::u64(std::string_view key) const {
  return read_value(*this, key, wanted_integer(find(key)), &Value::as_u64);
}

Result<double> KeyValues::f64(std::string_view key) const {
  return read_value(*this, key, kNumber, &Value::as_f64);
}

Result<std::string_view> KeyValues::string(std::string_view key) const {
  return read_value(*this, key, kString, &Value::as_string);
}

Result<uint64_t> KeyValues::u64_or(std::string_view key, uint64_t fallback) const {
  return find(key) == nullptr ? fallback : u64(key);
}

Result<double> KeyValues::f64_or(std::string_view key, double fallback) const {
  return find(key) == nullptr ? fallback : f64(key);
}

Result<bool> KeyValues::bool_or(std::string_view key, bool fallback) const {
  return find(key) == nullptr ? fallback : read_value(*this, key, kBool, &Value::as_bool);
}

Result<std::string_view> KeyValues::string_or(std::string_view key, std::string_view fallback) const {
  return find(key) == nullptr ? fallback : string(key);
}

void File::release(const TensorInfo& tensor) const noexcept {
  // Bytes that somebody gave to parse() would be gone for good.
  if (!parts_.empty()) MappedFile::release(tensor.data);
}

}  // namespace hearth::gguf
