// What the rows of an attention task see, and where it stands in the cache.

namespace hearth::cpu::HEARTH_ISA {
namespace {

// Positions begin <= p < end.
struct Positions {
  int64_t begin;
  int64_t end;
};

// What a token of the task (0 .. n_tokens - 1) sees.
inline Positions visible_positions(const AttentionTask& task, int64_t token) {
  const int64_t end = task.visible_end > 0 ? task.visible_end : task.first_position + token + 1;
  return {task.window > 0 && end > task.window ? end - task.window : 0, end};
}

inline const char* cache_row(const AttentionTask& task, const void* cache, int64_t row_bytes,
                             int64_t position) {
  const int64_t block = task.block_table[position / task.block_tokens];
  const int64_t slot = position % task.block_tokens;
  const int64_t row = (block * task.n_kv_heads + task.kv_head) * task.block_tokens + slot;
  return static_cast<const char*>(cache) + row * row_bytes;
}

// The rows from `position` on, at most to `end`, that stand one after the other in the cache.
struct CacheRun {
  const char* first;
  int64_t count;
};
inline CacheRun cache_run(const AttentionTask& task, const void* cache, int64_t row_bytes, int64_t position,
                          int64_t end) {
  const int64_t left_in_block = task.block_tokens - position % task.block_tokens;
  return {cache_row(task, cache, row_bytes, position),
          left_in_block < end - position ? left_in_block : end - position};
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
