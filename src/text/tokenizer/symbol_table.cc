#include "text/tokenizer/symbol_table.h"

#include <bit>

namespace hearth::text {

void SymbolTable::reserve(size_t n_symbols, size_t n_bytes) {
  offsets_.reserve(n_symbols + 1);
  arena_.reserve(n_bytes);
  grow(std::bit_ceil(2 * n_symbols + 1));
}

bool SymbolTable::append(std::string_view bytes) {
  if (bytes.size() > kMaxBytes - arena_.size()) return false;
  arena_.append(bytes);
  offsets_.push_back(static_cast<uint32_t>(arena_.size()));
  return true;
}

void SymbolTable::index(SymbolId id) {
  if (2 * (n_indexed_ + 1) > slots_.size()) grow(slots_.empty() ? 16 : 2 * slots_.size());
  const uint64_t hash = hash_(bytes(id));
  Slot& slot = slots_[slot_for(bytes(id), hash)];
  if (slot.id != kNoSymbol) return;
  slot = {static_cast<uint32_t>(hash >> 32), id};
  ++n_indexed_;
}

SymbolId SymbolTable::find(std::string_view bytes) const noexcept {
  if (slots_.empty()) return kNoSymbol;
  return slots_[slot_for(bytes, hash_(bytes))].id;
}

size_t SymbolTable::slot_for(std::string_view bytes, uint64_t hash) const noexcept {
  const size_t mask = slots_.size() - 1;
  const auto check = static_cast<uint32_t>(hash >> 32);
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.id == kNoSymbol || (slot.check == check && this->bytes(slot.id) == bytes)) return at;
  }
}

void SymbolTable::grow(size_t n_slots) {
  if (n_slots <= slots_.size()) return;
  std::vector<Slot> old(n_slots);
  old.swap(slots_);
  for (const Slot& slot : old) {
    if (slot.id != kNoSymbol) slots_[slot_for(bytes(slot.id), hash_(bytes(slot.id)))] = slot;
  }
}

}  // namespace hearth::text
