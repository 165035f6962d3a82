#include "formats/safetensors/header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "base/checked.h"
#include "base/excerpt.h"
#include "base/name_index.h"
#include "formats/safetensors/limits.h"

namespace hearth::safetensors {
namespace {

using Sax = nlohmann::json_sax<nlohmann::json>;

// Takes the header as the parser reports it, so that nothing is built that the format does not have.
//
//   {"__metadata__": {KEY: "text", ...}, NAME: {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}
class HeaderReader : public Sax {
 public:
  bool null() override { return unexpected("null"); }
  bool boolean(bool /*value*/) override { return unexpected("a bool"); }
  bool number_integer(number_integer_t value) override { return unexpected(fmt::format("{}", value)); }
  bool number_float(number_float_t /*value*/, const string_t& digits) override {
    return unexpected(excerpt(digits));
  }
  bool binary(binary_t& /*value*/) override { return unexpected("bytes"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ == Place::kShape) {
      if (shape_.size() == kMaxRank) return fail_tensor("shape of at most {} dimensions", kMaxRank);
      shape_.push_back(value);
      return true;
    }
    if (place_ != Place::kOffsets) return unexpected(fmt::format("{}", value));
    if (offsets_.size() == 2) return fail_tensor("two data_offsets, found more{}", "");
    offsets_.push_back(value);
    return true;
  }

  bool string(string_t& value) override {
    if (place_ == Place::kMetadata) {
      header_.metadata.push_back({std::move(key_), std::move(value)});
      if (header_.metadata.size() <= kMaxMetadataPairs) return true;
      return fail(make_error(ErrorCode::kResourceExhausted,
                             "header: __metadata__: expected at most {} pairs, found more",
                             kMaxMetadataPairs));
    }
    if (place_ != Place::kTensor || key_ != "dtype") return unexpected(quoted_excerpt(value));
    dtype_ = dtype_from_name(value);
    if (dtype_) return true;
    return fail(make_error(ErrorCode::kUnsupported,
                           "header: tensor {}: dtype: expected a type of the format (F32, BF16, ...), "
                           "found {}",
                           excerpt(name_), quoted_excerpt(value)));
  }

  bool start_object(size_t /*size*/) override {
    if (place_ == Place::kStart) return to(Place::kTop);
    if (place_ != Place::kTop) return unexpected("an object");
    return to(key_ == "__metadata__" ? Place::kMetadata : Place::kTensor);
  }

  bool key(string_t& value) override {
    if (value.size() > kMaxNameBytes) {
      return fail(make_error(ErrorCode::kResourceExhausted,
                             "header: expected names of at most {} bytes, found one of {}", kMaxNameBytes,
                             value.size()));
    }
    key_ = std::move(value);
    if (place_ == Place::kTop) return begin_entry();
    if (place_ == Place::kMetadata) return add_once(metadata_keys_);
    if (key_ != "dtype" && key_ != "shape" && key_ != "data_offsets") {
      return fail_tensor("dtype, shape and data_offsets, found {}", quoted_excerpt(key_));
    }
    return add_once(tensor_keys_);
  }

  bool end_object() override {
    if (place_ == Place::kTop) return to(Place::kEnd);
    if (place_ == Place::kTensor && !end_tensor()) return false;
    return to(Place::kTop);
  }

  bool start_array(size_t /*size*/) override {
    if (place_ == Place::kTensor && key_ == "shape") return to(Place::kShape);
    if (place_ == Place::kTensor && key_ == "data_offsets") return to(Place::kOffsets);
    return unexpected("an array");
  }
  bool end_array() override { return to(Place::kTensor); }

  bool parse_error(size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& error) override {
    return fail(make_error(ErrorCode::kMalformed, "header: byte {}: expected JSON: {}", position,
                           excerpt(error.what(), 200)));
  }

  Result<Header> result() && {
    if (error_) return *error_;
    return std::move(header_);
  }

 private:
  enum class Place { kStart, kTop, kMetadata, kTensor, kShape, kOffsets, kEnd };

  bool to(Place place) {
    place_ = place;
    return true;
  }
  bool fail(Error error) {
    if (!error_) error_.emplace(std::move(error));
    return false;
  }
  template <typename T>
  bool fail_tensor(fmt::format_string<const T&> expected, const T& value) {
    return fail(make_error(ErrorCode::kMalformed, "header: tensor {}: expected {}", excerpt(name_),
                           fmt::format(expected, value)));
  }
  bool unexpected(const std::string& found) {
    switch (place_) {
      case Place::kStart:
        return fail(make_error(ErrorCode::kMalformed, "header: expected an object, found {}", found));
      case Place::kTop:
        return fail(make_error(ErrorCode::kMalformed, "header: {}: expected an object, found {}",
                               excerpt(key_), found));
      case Place::kMetadata:
        return fail(make_error(ErrorCode::kMalformed, "header: __metadata__ {}: expected a string, found {}",
                               excerpt(key_), found));
      default:
        return fail(make_error(ErrorCode::kMalformed, "header: tensor {}: {}: expected {}, found {}",
                               excerpt(name_), key_,
                               key_ == "dtype" ? "a string" : "an array of numbers from 0 on", found));
    }
  }

  bool begin_entry() {
    if (key_ == "__metadata__") {
      if (std::exchange(has_metadata_, true)) return twice("");
      return true;
    }
    if (header_.tensors.size() == kMaxTensors) {
      return fail(make_error(ErrorCode::kResourceExhausted, "header: expected at most {} tensors, found more",
                             kMaxTensors));
    }
    name_ = key_;
    dtype_.reset();
    shape_.clear();
    offsets_.clear();
    tensor_keys_.clear();
    return true;
  }
  bool add_once(std::set<std::string>& keys) { return keys.insert(key_).second || twice(name_); }
  bool twice(const std::string& of) {
    return fail(make_error(ErrorCode::kMalformed, "header: {}{}{}: expected once, found it again",
                           of.empty() ? "" : "tensor " + excerpt(of), of.empty() ? "" : ": ", excerpt(key_)));
  }

  bool end_tensor() {
    for (const char* wanted : {"dtype", "shape", "data_offsets"}) {
      if (!tensor_keys_.contains(wanted)) return fail_tensor("{}, found no such key", std::string(wanted));
    }
    if (offsets_.size() != 2) return fail_tensor("two data_offsets, found {}", offsets_.size());
    header_.tensors.push_back({std::move(name_), *dtype_, shape_, offsets_[0], offsets_[1]});
    name_.clear();
    return true;
  }

  Header header_;
  std::optional<Error> error_;
  Place place_ = Place::kStart;
  std::string key_;
  bool has_metadata_ = false;
  std::set<std::string> metadata_keys_;
  // The tensor that is being read.
  std::string name_;
  std::optional<DType> dtype_;
  std::vector<uint64_t> shape_;
  std::vector<uint64_t> offsets_;
  std::set<std::string> tensor_keys_;
};

// Nothing where it overflows or is no whole number of bytes.
std::optional<uint64_t> size_in_bytes(const HeaderTensor& tensor) {
  uint64_t n = dtype_bits(tensor.dtype);
  for (const uint64_t dim : tensor.shape) {
    if (!checked_mul(n, dim, n)) return std::nullopt;
  }
  if (n % 8 != 0) return std::nullopt;
  return n / 8;
}

Result<void> check_sizes(const std::vector<HeaderTensor>& tensors, uint64_t data_bytes) {
  uint64_t end = 0;
  for (const HeaderTensor& tensor : tensors) {
    const auto fail = [&](std::string expected, std::string found) {
      return make_error(ErrorCode::kMalformed, "header: tensor {}: expected {}, found {}",
                        excerpt(tensor.name), expected, found);
    };
    const std::string offsets = fmt::format("data_offsets [{}, {}]", tensor.begin, tensor.end);
    if (tensor.begin != end || tensor.end < tensor.begin) {
      return fail(fmt::format("data behind that before it, from byte {} on", end), offsets);
    }
    const auto size_bytes = size_in_bytes(tensor);
    const std::string kind = fmt::format("{} {}", dtype_name(tensor.dtype), shape_text(tensor.shape));
    if (!size_bytes) return fail("a shape of a whole number of bytes below 2^64", kind);
    if (tensor.end - tensor.begin != *size_bytes) {
      return fail(fmt::format("{} bytes for {}", *size_bytes, kind), offsets);
    }
    if (tensor.end > data_bytes) return fail(fmt::format("data within {} bytes", data_bytes), offsets);
    end = tensor.end;
  }
  if (end == data_bytes) return {};
  return make_error(ErrorCode::kMalformed,
                    "header: expected tensors that fill the {} bytes of data, found {} bytes behind them",
                    data_bytes, data_bytes - end);
}

}  // namespace

Result<Header> read_header(std::string_view text, uint64_t data_bytes) {
  if (!text.starts_with('{')) {
    return make_error(ErrorCode::kMalformed, "header: expected a JSON object, found {}",
                      text.empty() ? "nothing" : quoted_excerpt(text, 20));
  }
  // The parser takes a zero for the end of the text.
  if (const size_t zero = text.find('\0'); zero != std::string_view::npos) {
    return make_error(ErrorCode::kMalformed, "header: byte {}: expected JSON, found a zero", zero);
  }
  HeaderReader reader;
  nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
  HEARTH_ASSIGN(Header header, std::move(reader).result());
  const NameIndex by_name = index_by_name(header.tensors, &HeaderTensor::name);
  if (const auto name = find_duplicate(header.tensors, by_name, &HeaderTensor::name)) {
    return make_error(ErrorCode::kMalformed, "header: tensor {}: expected once, found it again",
                      excerpt(*name));
  }
  // Empty tensors stand before the one that begins where they do.
  std::ranges::stable_sort(header.tensors, {},
                           [](const HeaderTensor& t) { return std::pair(t.begin, t.end); });
  HEARTH_TRY(check_sizes(header.tensors, data_bytes));
  return header;
}

}  // namespace hearth::safetensors
