#include "text/tokenizer/training/word_counts.h"

#include <limits>

namespace hearth::text {

Result<void> WordCounts::add(std::string_view word) {
  if (const SymbolId known = words_.find(word); known != kNoSymbol) {
    ++counts_[static_cast<size_t>(known)];
    return {};
  }
  const uint64_t needed = (size() + 1) * kWordBytes + (n_bytes_ + word.size()) * kByteBytes;
  if (needed > memory_bytes_) {
    return make_error(ErrorCode::kResourceExhausted,
                      "distinct words: expected them to fit into {} MiB of memory, found more than {} of {} "
                      "bytes together",
                      memory_bytes_ >> 20U, size(), n_bytes_);
  }
  if (size() == std::numeric_limits<SymbolId>::max() || !words_.append(word)) {
    return make_error(ErrorCode::kResourceExhausted, "distinct words: expected at most {} bytes, found more",
                      SymbolTable::kMaxBytes);
  }
  words_.index(static_cast<SymbolId>(size()));
  counts_.push_back(1);
  n_bytes_ += word.size();
  return {};
}

}  // namespace hearth::text
