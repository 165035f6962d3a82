#include "formats/gguf/writer.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "base/checked.h"
#include "base/excerpt.h"
#include "formats/gguf/limits.h"
#include "formats/gguf/metadata.h"
#include "formats/gguf/value_type.h"

namespace hearth::gguf {
namespace {

constexpr std::string_view kAlignmentKey = "general.alignment";

template <typename... Args>
Error wrong(fmt::format_string<Args...> format, Args&&... args) {
  return make_error(ErrorCode::kInvalidArgument, format, std::forward<Args>(args)...);
}

template <typename T>
requires std::is_arithmetic_v<T>
void put(std::string& out, T number) {
  out.append(reinterpret_cast<const char*>(&number), sizeof(number));
}

void put_string(std::string& out, std::string_view text) {
  put<uint64_t>(out, text.size());
  out += text;
}

void put_type(std::string& out, ValueType type) {
  put(out, static_cast<uint32_t>(type));
}

Result<void> check_name(std::string_view name, std::string_view what) {
  if (name.empty()) return wrong("{}: expected a name, found an empty one", what);
  if (name.size() > kMaxNameBytes) {
    return wrong("{} {}: expected a name of at most {} bytes, found {}", what, excerpt(name), kMaxNameBytes,
                 name.size());
  }
  return {};
}

Result<void> check_count(uint64_t n, uint64_t most, std::string_view what) {
  if (n <= most) return {};
  return wrong("expected at most {} {}, found {}", most, what, n);
}

// The bytes of a tensor's data.
Result<uint64_t> data_bytes(tensor::DType dtype, const tensor::Shape& shape) {
  if (!tensor::dtype_from_id(static_cast<uint32_t>(dtype))) {
    return wrong("expected a type that GGUF has, found {}", tensor::dtype_name(dtype));
  }
  if (shape.rank() == 0) return wrong("expected a rank of at least 1, found 0");
  uint64_t n_elements = 1;
  for (size_t i = 0; i < shape.rank(); ++i) {
    if (shape[i] < 1) return wrong("expected dimensions of at least 1, found {}", shape.to_string());
    if (!checked_mul(n_elements, static_cast<uint64_t>(shape[i]), n_elements) || n_elements > INT64_MAX) {
      return wrong("expected fewer than 2^63 elements, found {}", shape.to_string());
    }
  }
  const auto columns = static_cast<uint64_t>(shape.back());
  const auto row = tensor::row_bytes(dtype, columns);
  if (!row) {
    return wrong("expected rows of whole {} blocks of {} elements, found {} elements",
                 tensor::dtype_name(dtype), tensor::dtype_traits(dtype).block_elements, columns);
  }
  uint64_t size_bytes = 0;
  if (checked_mul(*row, n_elements / columns, size_bytes)) return size_bytes;
  return wrong("expected fewer than 2^64 bytes, found {} of {}", shape.to_string(),
               tensor::dtype_name(dtype));
}

Result<uint32_t> alignment_of(const Value& value) {
  const std::optional<uint64_t> alignment =
      value.type() == ValueType::kU32 ? value.as_u64() : std::optional<uint64_t>();
  if (alignment && std::has_single_bit(*alignment) && *alignment >= kMinAlignment &&
      *alignment <= kMaxAlignment) {
    return static_cast<uint32_t>(*alignment);
  }
  const Error error = unexpected_value(
      kAlignmentKey, fmt::format("a u32 that is a power of two from {} to {}", kMinAlignment, kMaxAlignment),
      value);
  return Error(ErrorCode::kInvalidArgument, error.message());
}

Result<void> add_to(uint64_t& total, uint64_t bytes, uint32_t alignment) {
  if (checked_add(total, bytes, total) && checked_align_up<uint64_t>(total, alignment, total) &&
      total <= INT64_MAX) {
    return {};
  }
  return wrong("expected a file of fewer than 2^63 bytes, found more");
}

}  // namespace

Value FileDraft::Pair::value() const {
  const auto view = std::as_bytes(std::span(bytes));
  return type == ValueType::kArray ? Value(element_type, count, view) : Value(type, view);
}

const FileDraft::Pair* FileDraft::find(std::string_view key) const {
  const auto at = pairs_by_key_.find(std::string(key));
  return at != pairs_by_key_.end() ? &pairs_[at->second] : nullptr;
}

void FileDraft::set(std::string_view key, const Value& value) {
  const std::span<const std::byte> bytes = value.bytes();
  Pair pair{std::string(key), value.type(), value.element_type(), value.count(),
            std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size())};
  const auto [at, is_new] = pairs_by_key_.try_emplace(pair.key, pairs_.size());
  if (is_new) {
    pairs_.push_back(std::move(pair));
  } else {
    pairs_[at->second] = std::move(pair);
  }
}

void FileDraft::set_string(std::string_view key, std::string_view text) {
  set(key, Value(ValueType::kString, std::as_bytes(std::span(text))));
}

void FileDraft::set_strings(std::string_view key, std::span<const std::string_view> texts) {
  std::string bytes;
  for (const std::string_view text : texts) put_string(bytes, text);
  set(key, Value(ValueType::kString, texts.size(), std::as_bytes(std::span(bytes))));
}

void FileDraft::remove(std::string_view key) {
  const auto at = pairs_by_key_.find(std::string(key));
  if (at == pairs_by_key_.end()) return;
  const size_t removed = at->second;
  pairs_by_key_.erase(at);
  pairs_.erase(pairs_.begin() + static_cast<std::ptrdiff_t>(removed));
  for (auto& [name, index] : pairs_by_key_) {
    if (index > removed) --index;
  }
}

void FileDraft::add_tensor(std::string_view name, tensor::DType dtype, const tensor::Shape& shape) {
  tensors_.push_back({std::string(name), dtype, shape});
}

Result<Writer> Writer::begin(const FileDraft& draft, ByteSink sink) {
  Writer writer(std::move(sink));
  HEARTH_TRY(check_count(draft.pairs_.size(), kMaxMetadataPairs, "metadata pairs"));
  HEARTH_TRY(check_count(draft.tensors_.size(), kMaxTensors, "tensors"));
  writer.alignment_ = kDefaultAlignment;
  if (const FileDraft::Pair* alignment = draft.find(kAlignmentKey)) {
    HEARTH_ASSIGN(writer.alignment_, alignment_of(alignment->value()));
  }

  std::string head = "GGUF";
  put(head, kMaxVersion);
  put<uint64_t>(head, draft.tensors_.size());
  put<uint64_t>(head, draft.pairs_.size());
  for (const FileDraft::Pair& pair : draft.pairs_) {
    HEARTH_TRY(check_name(pair.key, "metadata"));
    put_string(head, pair.key);
    put_type(head, pair.type);
    if (pair.type == ValueType::kArray) {
      put_type(head, pair.element_type);
      put(head, pair.count);
    } else if (pair.type == ValueType::kString) {
      put<uint64_t>(head, pair.bytes.size());
    }
    head += pair.bytes;
  }

  uint64_t offset = 0;
  std::unordered_map<std::string_view, size_t> seen;
  for (const FileDraft::Tensor& tensor : draft.tensors_) {
    HEARTH_TRY(check_name(tensor.name, "tensor"));
    const std::string where = fmt::format("tensor {}", excerpt(tensor.name));
    if (!seen.try_emplace(tensor.name, seen.size()).second) {
      return wrong("{}: expected each name once, found it again", where);
    }
    const auto size_bytes = data_bytes(tensor.dtype, tensor.shape);
    if (!size_bytes) return size_bytes.error().in(where);
    put_string(head, tensor.name);
    put(head, static_cast<uint32_t>(tensor.shape.rank()));
    for (size_t i = tensor.shape.rank(); i > 0; --i) put(head, static_cast<uint64_t>(tensor.shape[i - 1]));
    put(head, static_cast<uint32_t>(tensor.dtype));
    put(head, offset);
    writer.tensor_bytes_.push_back(*size_bytes);
    HEARTH_TRY(add_to(offset, *size_bytes, writer.alignment_));
  }
  // Without tensors, nothing has to be aligned.
  if (!draft.tensors_.empty()) {
    const uint64_t excess = head.size() % writer.alignment_;
    if (excess != 0) head.append(writer.alignment_ - excess, '\0');
  }
  writer.size_bytes_ = head.size();
  HEARTH_TRY(add_to(writer.size_bytes_, offset, draft.tensors_.empty() ? 1 : writer.alignment_));
  writer.head_ = std::move(head);
  return writer;
}

Result<void> Writer::write_head() {
  if (head_.empty()) return {};
  const std::string head = std::exchange(head_, {});
  return sink_(std::as_bytes(std::span(head)));
}

Result<void> Writer::pad_complete() {
  static constexpr std::array<std::byte, kMaxAlignment> kZeros{};
  if (tensor_ == tensor_bytes_.size() || appended_ < tensor_bytes_[tensor_]) return {};
  const uint64_t excess = appended_ % alignment_;
  if (excess != 0) HEARTH_TRY(sink_(std::span(kZeros).first(alignment_ - excess)));
  ++tensor_;
  appended_ = 0;
  return {};
}

Result<void> Writer::append(std::span<const std::byte> bytes) {
  HEARTH_TRY(write_head());
  while (!bytes.empty()) {
    HEARTH_CHECK(tensor_ < tensor_bytes_.size());
    const uint64_t n = std::min<uint64_t>(bytes.size(), tensor_bytes_[tensor_] - appended_);
    HEARTH_TRY(sink_(bytes.first(n)));
    bytes = bytes.subspan(n);
    appended_ += n;
    HEARTH_TRY(pad_complete());
  }
  return {};
}

Result<void> Writer::finish() {
  HEARTH_CHECK(tensor_ == tensor_bytes_.size());
  return write_head();
}

}  // namespace hearth::gguf
