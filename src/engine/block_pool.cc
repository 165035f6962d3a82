#include "engine/block_pool.h"

#include <utility>

#include "base/check.h"

namespace hearth::engine {

BlockPool::BlockPool(int64_t n_blocks) : blocks_(static_cast<size_t>(n_blocks)) {
  HEARTH_CHECK(n_blocks > 0);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    blocks_[i].free_place = free_.insert(free_.end(), static_cast<int32_t>(i));
  }
}

std::optional<BlockPool::Allocation> BlockPool::allocate() {
  if (free_.empty()) return std::nullopt;
  const int32_t index = free_.front();
  free_.pop_front();
  Block& block = blocks_[static_cast<size_t>(index)];
  block.references = 1;
  return Allocation{index, std::exchange(block.place, nullptr)};
}

void BlockPool::hold(int32_t index) {
  Block& block = blocks_[static_cast<size_t>(index)];
  HEARTH_CHECK(block.place != nullptr);
  if (block.references++ == 0) free_.erase(block.free_place);
}

void BlockPool::release(int32_t index) {
  Block& block = blocks_[static_cast<size_t>(index)];
  HEARTH_CHECK(block.references > 0);
  if (--block.references > 0) return;
  block.free_place = free_.insert(block.place != nullptr ? free_.end() : free_.begin(), index);
}

void BlockPool::set_findable(int32_t index, PrefixTree::Node* place) {
  Block& block = blocks_[static_cast<size_t>(index)];
  HEARTH_CHECK(block.references > 0 && block.place == nullptr);
  block.place = place;
}

}  // namespace hearth::engine
