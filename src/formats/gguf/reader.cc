#include "formats/gguf/reader.h"

namespace hearth::gguf {

Result<std::string_view> Reader::string(std::string_view what, uint64_t max_bytes) {
  const uint64_t start = offset_;
  HEARTH_ASSIGN(const uint64_t length, number<uint64_t>(what));
  if (length > max_bytes) {
    offset_ = start;
    return make_error(ErrorCode::kResourceExhausted, "byte {}: expected at most {} bytes of {}, found {}",
                      start, max_bytes, what, length);
  }
  auto text = take(length, what);
  if (!text) {
    offset_ = start;
    return text.error();
  }
  return std::string_view(reinterpret_cast<const char*>(text->data()), text->size());
}

Error Reader::cut_short(uint64_t n_bytes, std::string_view what) const {
  return make_error(ErrorCode::kMalformed,
                    "byte {}: expected {} bytes of {}, found {} before the end of the file", offset_, n_bytes,
                    what, remaining());
}

}  // namespace hearth::gguf
