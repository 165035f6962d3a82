// Panels of weight rows that the quantised products work on.

namespace hearth::cpu::HEARTH_ISA {
namespace {

// The rows of a panel; where the matrix ends within it, the last row stands in for those beyond.
struct Panel {
  const char* rows[kLanes];
  int64_t count;
};
inline Panel make_panel(const MatmulTask& task, int64_t row) {
  Panel panel;
  panel.count = task.row_end - row < kLanes ? task.row_end - row : kLanes;
  for (int64_t r = 0; r < kLanes; ++r) {
    const int64_t clamped = r < panel.count ? row + r : task.row_end - 1;
    panel.rows[r] = static_cast<const char*>(task.w) + clamped * task.w_row_bytes;
  }
  return panel;
}

// Asks for the same block of the next panel. Its rows are too short for the processor to see a pattern in.
template <int64_t kBytes>
inline void prefetch_next_panel(const char* block, const MatmulTask& task) {
  const char* next = block + kLanes * task.w_row_bytes;
  for (int64_t i = 0; i < kBytes; i += 64) prefetch_l2(next + i);
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
