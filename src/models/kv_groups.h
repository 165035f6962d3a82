// Which layers of a model share block tables, and how many blocks they need.
//
// A layer with a window needs a position's key and value only until the window has passed it. Layers with the
// same window form a group: a pool of blocks of its own, and for every sequence a table of its own, from
// which the blocks before the window are given back (docs/decisions/0010-paged-kv-cache.md).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "models/kv_cache.h"

namespace hearth::models {

// What a cache is made for.
struct KvDemand {
  int64_t context_tokens = 0;   // of the longest sequence
  int64_t n_sequences = 1;      // that run at once
  int64_t max_step_tokens = 1;  // of all sequences together
  int64_t block_tokens = kKvBlockTokens;
};

// Tokens of each sequence whose blocks a group with a window keeps beyond what running needs, as long as no
// one else needs the memory: so far back a conversation can be taken up again, with an answer dropped or
// replaced, without evaluating all of it. A thousand is an answer of usual length.
constexpr int64_t kCachedTokensBeyondWindow = 1024;

// The blocks that sequences within `demand` hold at most at once, in layers with this window (0: none).
int64_t kv_blocks_needed(int64_t window, const KvDemand& demand);

// The groups of `layers`: first that of the layers that see everything, if there are any, or no layers with
// KV heads at all; then one for each window that is shorter than the context, in the order of the layers.
// n_blocks is what is needed, and with a window what is kept beyond it.
std::vector<KvGroup> plan_kv_groups(std::span<const KvLayerShape> layers, const KvDemand& demand);

// The group of plan_kv_groups() that a layer belongs to: that of its window, or where there is none the
// first.
size_t kv_group_of(const KvLayerShape& layer, std::span<const KvGroup> groups);

// Memory of the tokens that a cache planned so can hold.
uint64_t kv_cache_bytes(std::span<const KvLayerShape> layers, const KvDemand& demand,
                        const KvTypes& types = {});

// The same for groups that were cut down after planning.
uint64_t kv_cache_bytes(std::span<const KvLayerShape> layers, const KvDemand& demand,
                        std::span<const KvGroup> groups, const KvTypes& types = {});

// What one step reads of a sequence of `context_tokens`: of layers with a window no more than that.
uint64_t kv_step_bytes(std::span<const KvLayerShape> layers, int64_t context_tokens,
                       const KvTypes& types = {});

}  // namespace hearth::models
