#include "engine/kv_blocks.h"

#include <algorithm>

#include "base/check.h"
#include "tensor/backend.h"

namespace hearth::engine {

KvBlocks::KvBlocks(std::span<const models::KvGroup> groups, int64_t block_tokens)
    : block_tokens_(block_tokens), tree_(groups.size()) {
  HEARTH_CHECK(!groups.empty() && block_tokens > 0);
  for (const models::KvGroup& group : groups) {
    windows_.push_back(group.window);
    pools_.emplace_back(group.n_blocks);
  }
}

int64_t KvBlocks::first_visible_block(size_t group, int64_t position) const noexcept {
  const int64_t window = windows_[group];
  return window == 0 ? 0 : std::max<int64_t>(0, position + 1 - window) / block_tokens_;
}

std::optional<int32_t> KvBlocks::allocate(size_t group) {
  const auto allocation = pools_[group].allocate();
  if (!allocation) return std::nullopt;
  if (allocation->forgotten != nullptr) tree_.clear_block(*allocation->forgotten, group);
  return allocation->block;
}

void KvBlocks::release(size_t group, int32_t block) {
  pools_[group].release(block);
}

// Blocks of the longest beginning of `chain` of which every group has what is seen from its end on.
int64_t KvBlocks::usable_prefix(std::span<const Place> chain) const {
  int64_t longest = 0;
  std::vector<int64_t> gap_end(n_groups(), 0);  // behind the last block so far that is not cached
  for (int64_t n = 1; n <= static_cast<int64_t>(chain.size()); ++n) {
    bool usable = true;
    for (size_t group = 0; group < n_groups(); ++group) {
      const bool cached = PrefixTree::block(*chain[static_cast<size_t>(n - 1)], group) != tensor::kNoBlock;
      if (!cached) gap_end[group] = n;
      usable &= gap_end[group] <= first_visible_block(group, n * block_tokens_);
    }
    if (usable) longest = n;
  }
  return longest;
}

KvBlocks::Prefix KvBlocks::acquire_prefix(std::string_view tenant, std::span<const text::TokenId> tokens) {
  std::vector<Place> chain;
  const auto block_size = static_cast<size_t>(block_tokens_);
  for (; tokens.size() >= block_size; tokens = tokens.subspan(block_size)) {
    const Place parent = chain.empty() ? nullptr : chain.back();
    const Place found = tree_.find(tenant, parent, tokens.first(block_size));
    if (found == nullptr) break;
    chain.push_back(found);
  }
  Prefix prefix;
  prefix.n_blocks = usable_prefix(chain);
  prefix.tables.resize(n_groups());
  if (prefix.n_blocks == 0) return prefix;
  prefix.end = chain[static_cast<size_t>(prefix.n_blocks - 1)];
  tree_.hold(*prefix.end);
  for (size_t group = 0; group < n_groups(); ++group) {
    std::vector<int32_t>& table = prefix.tables[group];
    table.assign(static_cast<size_t>(prefix.n_blocks), tensor::kNoBlock);
    const int64_t first = first_visible_block(group, prefix.n_blocks * block_tokens_);
    for (auto i = static_cast<size_t>(first); i < table.size(); ++i) {
      table[i] = PrefixTree::block(*chain[i], group);
      pools_[group].hold(table[i]);
    }
  }
  return prefix;
}

KvBlocks::Place KvBlocks::publish(std::string_view tenant, Place parent, std::span<const int32_t> blocks,
                                  std::span<const text::TokenId> tokens) {
  HEARTH_CHECK(static_cast<int64_t>(tokens.size()) == block_tokens_ && blocks.size() == n_groups());
  const Place place = tree_.find_or_add(tenant, parent, tokens);
  for (size_t group = 0; group < n_groups(); ++group) {
    if (PrefixTree::block(*place, group) != tensor::kNoBlock) continue;
    tree_.set_block(*place, group, blocks[group]);
    pools_[group].set_findable(blocks[group], place);
  }
  return place;
}

void KvBlocks::leave(Place place) {
  if (place != nullptr) tree_.release(*place);
}

}  // namespace hearth::engine
