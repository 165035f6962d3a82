#include "engine/block_pool.h"

#include <algorithm>

#include "base/check.h"

namespace hearth::engine {

namespace {

// A step of the 64-bit variant of boost's hash_combine.
void combine(size_t& hash, uint64_t value) noexcept {
  hash ^= value + 0x9E3779B97F4A7C15ULL + (hash << 12) + (hash >> 4);
}

}  // namespace

size_t BlockPool::PrefixHash::operator()(const Prefix& prefix) const noexcept {
  size_t hash = prefix.tenant;
  combine(hash, static_cast<uint64_t>(prefix.parent));
  combine(hash, prefix.parent_generation);
  for (const text::TokenId token : prefix.tokens) combine(hash, static_cast<uint64_t>(token));
  return hash;
}

BlockPool::BlockPool(int64_t n_blocks, int64_t block_tokens)
    : block_tokens_(block_tokens), blocks_(static_cast<size_t>(n_blocks)) {
  HEARTH_CHECK(n_blocks > 0 && block_tokens > 0);
  for (size_t i = 0; i < blocks_.size(); ++i) {
    blocks_[i].free_place = free_.insert(free_.end(), static_cast<int32_t>(i));
  }
}

std::optional<int32_t> BlockPool::allocate() {
  if (free_.empty()) return std::nullopt;
  const int32_t index = free_.front();
  free_.pop_front();
  Block& block = blocks_[static_cast<size_t>(index)];
  if (block.published) by_prefix_.erase(*block.published);
  block.published.reset();
  ++block.generation;
  block.references = 1;
  return index;
}

void BlockPool::release(int32_t index) {
  Block& block = blocks_[static_cast<size_t>(index)];
  HEARTH_CHECK(block.references > 0);
  if (--block.references > 0) return;
  // What holds nothing that could be found again is handed out before what does.
  const auto place = block.published ? free_.end() : free_.begin();
  block.free_place = free_.insert(place, index);
}

BlockPool::Prefix BlockPool::prefix_of(uint64_t tenant, std::optional<int32_t> parent,
                                       std::span<const text::TokenId> tokens) const {
  const uint64_t generation = parent ? blocks_[static_cast<size_t>(*parent)].generation : 0;
  return {tenant, parent.value_or(-1), generation, {tokens.begin(), tokens.end()}};
}

std::vector<int32_t> BlockPool::acquire_prefix(uint64_t tenant, std::span<const text::TokenId> tokens) {
  std::vector<int32_t> acquired;
  const auto block_size = static_cast<size_t>(block_tokens_);
  for (; tokens.size() >= block_size; tokens = tokens.subspan(block_size)) {
    const auto parent = acquired.empty() ? std::nullopt : std::optional(acquired.back());
    const auto found = by_prefix_.find(prefix_of(tenant, parent, tokens.first(block_size)));
    if (found == by_prefix_.end()) break;
    Block& block = blocks_[static_cast<size_t>(found->second)];
    if (block.references++ == 0) free_.erase(block.free_place);
    acquired.push_back(found->second);
  }
  return acquired;
}

void BlockPool::publish(uint64_t tenant, std::optional<int32_t> parent, int32_t index,
                        std::span<const text::TokenId> tokens) {
  Block& block = blocks_[static_cast<size_t>(index)];
  HEARTH_CHECK(static_cast<int64_t>(tokens.size()) == block_tokens_);
  HEARTH_CHECK(block.references > 0 && !block.published);
  const auto [place, inserted] = by_prefix_.try_emplace(prefix_of(tenant, parent, tokens), index);
  if (inserted) block.published = place->first;
}

}  // namespace hearth::engine
