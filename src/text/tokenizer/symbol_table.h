// The byte strings that a tokenizer works on, numbered. The first numbers are the vocabulary's token ids;
// after them come symbols that are no tokens and occur only as steps towards one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer/keyed_hash.h"

namespace hearth::text {

using SymbolId = int32_t;
constexpr SymbolId kNoSymbol = -1;

// Built once, then read by any number of threads.
class SymbolTable {
 public:
  // The total of all strings; a limit far beyond any vocabulary, so that 32-bit offsets hold.
  static constexpr size_t kMaxBytes = size_t{1} << 31;

  void reserve(size_t n_symbols, size_t n_bytes);

  // False if the table is full. The new symbol's number is size() - 1.
  [[nodiscard]] bool append(std::string_view bytes);
  // Lets find() give `id` for its bytes, unless an earlier symbol has the same.
  void index(SymbolId id);

  SymbolId find(std::string_view bytes) const noexcept;
  std::string_view bytes(SymbolId id) const noexcept {
    const size_t begin = offsets_[static_cast<size_t>(id)];
    return std::string_view(arena_).substr(begin, offsets_[static_cast<size_t>(id) + 1] - begin);
  }
  size_t size() const noexcept { return offsets_.size() - 1; }

 private:
  struct Slot {
    uint32_t check = 0;  // bits of the hash that the slot's place does not give
    SymbolId id = kNoSymbol;
  };
  void grow(size_t n_slots);
  size_t slot_for(std::string_view bytes, uint64_t hash) const noexcept;

  KeyedHash hash_;
  std::string arena_;
  std::vector<uint32_t> offsets_{0};
  std::vector<Slot> slots_;  // open addressing, a power of two, at most half full
  size_t n_indexed_ = 0;
};

}  // namespace hearth::text
