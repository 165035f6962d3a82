#include "formats/gguf/split.h"

#include <charconv>

namespace hearth::gguf {
namespace {

constexpr std::string_view kPartKey = "split.no";  // from 0
constexpr std::string_view kCountKey = "split.count";
constexpr std::string_view kTensorsKey = "split.tensors.count";

// "-00001-of-00003.gguf"
constexpr size_t kDigits = 5;
constexpr std::string_view kOf = "-of-";
constexpr std::string_view kSuffix = ".gguf";
constexpr size_t kTailLength = 1 + kDigits + kOf.size() + kDigits + kSuffix.size();

std::optional<uint32_t> parse_number(std::string_view digits) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

Result<std::optional<uint64_t>> find_integer(const Metadata& metadata, std::string_view key) {
  const Value* value = metadata.find(key);
  if (value == nullptr) return std::optional<uint64_t>();
  if (const auto number = value->as_u64()) return std::optional(*number);
  return unexpected_value(key, "an integer of at least 0", *value);
}

Result<void> check_equal(const Metadata& metadata, std::string_view key, uint64_t expected,
                         std::string_view why) {
  HEARTH_ASSIGN(const auto found, find_integer(metadata, key));
  if (!found || *found == expected) return {};
  return make_error(ErrorCode::kMalformed, "metadata {}: expected {} {}, found {}", key, expected, why,
                    *found);
}

}  // namespace

std::string SplitName::file_name(uint32_t of_part) const {
  return fmt::format("{}-{:05}-of-{:05}.gguf", stem, of_part, n_parts);
}

std::optional<SplitName> parse_split_name(std::string_view file_name) {
  if (file_name.size() <= kTailLength || !file_name.ends_with(kSuffix)) return std::nullopt;
  const std::string_view tail = file_name.substr(file_name.size() - kTailLength);
  if (tail[0] != '-' || tail.substr(1 + kDigits, kOf.size()) != kOf) return std::nullopt;
  const auto part = parse_number(tail.substr(1, kDigits));
  const auto n_parts = parse_number(tail.substr(1 + kDigits + kOf.size(), kDigits));
  if (!part || !n_parts) return std::nullopt;
  return SplitName{std::string(file_name.substr(0, file_name.size() - kTailLength)), *part, *n_parts};
}

Result<void> check_split_keys(const Metadata& metadata, const SplitName& name, uint32_t part) {
  HEARTH_TRY(check_equal(metadata, kPartKey, part - 1, "as the file's name says (counting from 0)"));
  return check_equal(metadata, kCountKey, name.n_parts, "as the file's name says");
}

Result<void> check_stands_alone(const Metadata& metadata) {
  HEARTH_ASSIGN(const auto n_parts, find_integer(metadata, kCountKey));
  if (!n_parts || *n_parts <= 1) return {};
  return make_error(ErrorCode::kMalformed,
                    "metadata {}: expected a whole model, found a part of {}; its name must end in "
                    "-00001-of-{:05}.gguf or the number of its part, with the other parts beside it",
                    kCountKey, *n_parts, *n_parts);
}

Result<void> check_split_total(const Metadata& metadata, uint64_t n_tensors) {
  return check_equal(metadata, kTensorsKey, n_tensors, "tensors as in all parts together");
}

}  // namespace hearth::gguf
