#include "models/kv_groups.h"

#include <algorithm>

namespace hearth::models {
namespace {

int64_t blocks_of(int64_t n_tokens, int64_t block_tokens) {
  return (n_tokens + block_tokens - 1) / block_tokens;
}

int64_t blocks_of_whole_sequences(const KvDemand& demand) {
  return blocks_of(demand.context_tokens, demand.block_tokens) * demand.n_sequences;
}

}  // namespace

// A sequence that evaluates c tokens holds window - 1 tokens before them. Those n = window - 1 + c tokens lie
// in at most ceil((n - 1) / block) + 1 blocks, which is at most (n - 2 + 2 * block) / block; the c of all
// sequences sum to max_step_tokens.
int64_t kv_blocks_needed(int64_t window, const KvDemand& demand) {
  const int64_t whole = blocks_of_whole_sequences(demand);
  if (window == 0) return whole;
  const int64_t tokens = demand.n_sequences * (window - 3 + 2 * demand.block_tokens) + demand.max_step_tokens;
  return std::min(whole, tokens / demand.block_tokens);
}

std::vector<KvGroup> plan_kv_groups(std::span<const KvLayerShape> layers, const KvDemand& demand) {
  std::vector<KvGroup> groups;
  bool any_full = false;
  for (const KvLayerShape& layer : layers) {
    if (layer.n_kv_heads == 0) continue;
    const bool full = layer.window == 0 || layer.window >= demand.context_tokens;
    any_full |= full;
    const auto same = [&](const KvGroup& group) { return group.window == layer.window; };
    if (full || std::any_of(groups.begin(), groups.end(), same)) continue;
    const int64_t beyond = demand.n_sequences * blocks_of(kCachedTokensBeyondWindow, demand.block_tokens);
    groups.push_back({layer.window, std::min(kv_blocks_needed(layer.window, demand) + beyond,
                                             blocks_of_whole_sequences(demand))});
  }
  if (any_full || groups.empty()) groups.insert(groups.begin(), {0, blocks_of_whole_sequences(demand)});
  return groups;
}

size_t kv_group_of(const KvLayerShape& layer, std::span<const KvGroup> groups) {
  for (size_t i = 0; i < groups.size(); ++i) {
    if (groups[i].window == layer.window) return i;
  }
  return 0;
}

uint64_t kv_cache_bytes(std::span<const KvLayerShape> layers, const KvDemand& demand, const KvTypes& types) {
  return kv_cache_bytes(layers, demand, plan_kv_groups(layers, demand), types);
}

uint64_t kv_cache_bytes(std::span<const KvLayerShape> layers, const KvDemand& demand,
                        std::span<const KvGroup> groups, const KvTypes& types) {
  uint64_t bytes = 0;
  for (const KvLayerShape& layer : layers) {
    const int64_t capacity = groups[kv_group_of(layer, groups)].n_blocks * demand.block_tokens;
    const int64_t n_tokens = std::min(capacity, demand.context_tokens * demand.n_sequences);
    bytes += KvCache::bytes_per_token({&layer, 1}, types) * static_cast<uint64_t>(n_tokens);
  }
  return bytes;
}

uint64_t kv_step_bytes(std::span<const KvLayerShape> layers, int64_t context_tokens, const KvTypes& types) {
  uint64_t bytes = 0;
  for (const KvLayerShape& layer : layers) {
    const int64_t seen = layer.window == 0 ? context_tokens : std::min(context_tokens, layer.window);
    KvLayerShape read = layer;
    read.shared_with.reset();  // it is read again
    bytes += KvCache::bytes_per_token({&read, 1}, types) * static_cast<uint64_t>(seen);
  }
  return bytes;
}

}  // namespace hearth::models
