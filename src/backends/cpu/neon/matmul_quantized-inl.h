// Panels of four weight rows by some activations, with the dot products of Armv8.2 (SDOT), which take signed
// bytes on both sides: offsets of weights are taken off when they are unpacked.

namespace hearth::cpu::HEARTH_ISA {
namespace {

// The sums of a row's block, before they are added up, for each activation and row of a panel.
template <int kActivations>
using PanelSums = I[kActivations][kLanes];

// Four partial sums of scale * (q . x) over a K-quant block, whose scales are those of kGroupVectors vectors
// each. They stay below 2^28.
template <int kGroupVectors>
inline I dot_block(const UnpackedBlock& w, const int8_t* x) {
  I sums = zero_integers();
  for (int four = 0; four < kSuperVectors / kGroupVectors / 4; ++four) {
    I dots[4];
    for (int g = 0; g < 4; ++g) {
      dots[g] = zero_integers();
      for (int i = 0; i < kGroupVectors; ++i) {
        const int v = (4 * four + g) * kGroupVectors + i;
        dots[g] = dot_bytes(dots[g], w.q[v], load_bytes(x + v * kVectorBytes));
      }
    }
    sums = vmlaq_laneq_s32(sums, dots[0], w.scales[four], 0);
    sums = vmlaq_laneq_s32(sums, dots[1], w.scales[four], 1);
    sums = vmlaq_laneq_s32(sums, dots[2], w.scales[four], 2);
    sums = vmlaq_laneq_s32(sums, dots[3], w.scales[four], 3);
  }
  return sums;
}

template <int kActivations>
inline void store_panel(const MatmulTask& task, const Panel& panel, int64_t row, int64_t activation,
                        const F (&sums)[kActivations]) {
  for (int a = 0; a < kActivations; ++a) {
    store_partial(task.out + (activation + a) * task.out_stride + row, sums[a], panel.count);
  }
}

// Q4_K and Q5_K.
template <typename Block, int kActivations>
inline void affine_panel(const MatmulTask& task, const Panel& panel, int64_t row, int64_t activation) {
  const int64_t n_blocks = task.k / quant::kSuperBlock;
  F sums[kActivations];
  for (F& sum : sums) sum = zero();
  for (int64_t b = 0; b < n_blocks; ++b) {
    const int8_t* x = task.q.q + activation * task.k + b * quant::kSuperBlock;
    int16x8_t x_sums[kActivations];  // of 32 elements each
    for (int a = 0; a < kActivations; ++a) {
      const int16_t* of_16 = task.q.sums + ((activation + a) * task.k + b * quant::kSuperBlock) / 16;
      x_sums[a] = vpaddq_s16(vld1q_s16(of_16), vld1q_s16(of_16 + 8));
    }
    PanelSums<kActivations> dots;
    PanelSums<kActivations> mins;
    uint16_t d[kLanes];
    uint16_t dmin[kLanes];
    for (int r = 0; r < kLanes; ++r) {
      const Block& block = reinterpret_cast<const Block*>(panel.rows[r])[b];
      prefetch_next_panel<sizeof(Block)>(reinterpret_cast<const char*>(&block), task);
      d[r] = block.d;
      dmin[r] = block.dmin;
      const SixBitBytes bytes = split_six_bits(block.scales);
      const int16x8_t row_mins = vreinterpretq_s16_u16(vmovl_u8(vcreate_u8(bytes.mins)));
      UnpackedBlock w;
      unpack_elements(block, w.q);
      widen_words(vreinterpretq_s16_u16(vmovl_u8(vcreate_u8(bytes.scales))), w.scales);
      for (int a = 0; a < kActivations; ++a) {
        dots[a][r] = dot_block<2>(w, x + a * task.k);
        mins[a][r] =
            vmlal_high_s16(vmull_s16(vget_low_s16(row_mins), vget_low_s16(x_sums[a])), row_mins, x_sums[a]);
      }
    }
    const F ds = load_f16(d);
    const F dmins = load_f16(dmin);
    for (int a = 0; a < kActivations; ++a) {
      const F scale = broadcast(task.q.scales[(activation + a) * n_blocks + b]);
      sums[a] = fma(to_floats(sum_all(dots[a])), mul(ds, scale), sums[a]);
      sums[a] = fnma(to_floats(sum_all(mins[a])), mul(dmins, scale), sums[a]);
    }
  }
  store_panel<kActivations>(task, panel, row, activation, sums);
}

// Q6_K.
template <typename Block, int kActivations>
inline void centred_panel(const MatmulTask& task, const Panel& panel, int64_t row, int64_t activation) {
  const int64_t n_blocks = task.k / quant::kSuperBlock;
  F sums[kActivations];
  for (F& sum : sums) sum = zero();
  for (int64_t b = 0; b < n_blocks; ++b) {
    const int8_t* x = task.q.q + activation * task.k + b * quant::kSuperBlock;
    PanelSums<kActivations> dots;
    uint16_t d[kLanes];
    for (int r = 0; r < kLanes; ++r) {
      const Block& block = reinterpret_cast<const Block*>(panel.rows[r])[b];
      prefetch_next_panel<sizeof(Block)>(reinterpret_cast<const char*>(&block), task);
      d[r] = block.d;
      UnpackedBlock w;
      unpack_elements(block, w.q);
      const Bytes scales = load_bytes(block.scales);
      widen_words(vmovl_s8(vget_low_s8(scales)), w.scales);
      widen_words(vmovl_high_s8(scales), w.scales + 2);
      for (int a = 0; a < kActivations; ++a) dots[a][r] = dot_block<1>(w, x + a * task.k);
    }
    const F ds = load_f16(d);
    for (int a = 0; a < kActivations; ++a) {
      const F scale = broadcast(task.q.scales[(activation + a) * n_blocks + b]);
      sums[a] = fma(to_floats(sum_all(dots[a])), mul(ds, scale), sums[a]);
    }
  }
  store_panel<kActivations>(task, panel, row, activation, sums);
}

// Q4_0 and Q8_0.
template <typename Small, int kActivations>
inline void small_panel(const MatmulTask& task, const Panel& panel, int64_t row, int64_t activation) {
  const int64_t n_blocks = task.k / quant::kSmallBlock;
  F sums[kActivations];
  for (F& sum : sums) sum = zero();
  for (int64_t b = 0; b < n_blocks; ++b) {
    const int8_t* x = task.q.q + activation * task.k + b * quant::kSmallBlock;
    PanelSums<kActivations> dots;
    uint16_t d[kLanes];
    for (int r = 0; r < kLanes; ++r) {
      const auto& block = reinterpret_cast<const typename Small::Block*>(panel.rows[r])[b];
      prefetch_next_panel<sizeof(block)>(reinterpret_cast<const char*>(&block), task);
      d[r] = block.d;
      const SmallBlock w = Small::load(block);
      for (int a = 0; a < kActivations; ++a) {
        const int8_t* of_a = x + a * task.k;
        const I low = dot_bytes(zero_integers(), w.q[0], load_bytes(of_a));
        dots[a][r] = dot_bytes(low, w.q[1], load_bytes(of_a + kVectorBytes));
      }
    }
    const F ds = load_f16(d);
    for (int a = 0; a < kActivations; ++a) {
      const F scale = broadcast(task.q.scales[(activation + a) * n_blocks + b]);
      sums[a] = fma(to_floats(sum_all(dots[a])), mul(ds, scale), sums[a]);
    }
  }
  store_panel<kActivations>(task, panel, row, activation, sums);
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
