// Products with quantised weights in plain loops. A dot product of two blocks is an integer; one pair of
// multiplications per block brings in the scales.

namespace hearth::cpu::HEARTH_ISA {
namespace {

// A block as the dot product wants it: x = d * scale[g] * q - dmin * min[g], g counting groups of 16.
struct PlainBlock {
  float d;
  float dmin;
  int8_t q[quant::kSuperBlock];
  int scale[quant::kSuperBlock / 16];
  int min[quant::kSuperBlock / 16];
};

inline void unpack_group_scales(const uint8_t* packed, PlainBlock& out) {
  for (int g = 0; g < 16; ++g) {
    const int j = g / 2;  // two groups of 16 share the scale of their 32
    if (j < 4) {
      out.scale[g] = packed[j] & 63;
      out.min[g] = packed[j + 4] & 63;
    } else {
      out.scale[g] = (packed[j + 4] & 15) | ((packed[j - 4] >> 6) << 4);
      out.min[g] = (packed[j + 4] >> 4) | ((packed[j] >> 6) << 4);
    }
  }
}

inline void unpack(const quant::BlockQ4_K& block, PlainBlock& out) {
  out.d = quant::f16_to_f32(block.d);
  out.dmin = quant::f16_to_f32(block.dmin);
  unpack_group_scales(block.scales, out);
  for (int i = 0; i < quant::kSuperBlock; ++i) {
    const int group = i / 32;
    out.q[i] = static_cast<int8_t>((block.qs[group / 2 * 32 + i % 32] >> (group % 2 * 4)) & 15);
  }
}

inline void unpack(const quant::BlockQ5_K& block, PlainBlock& out) {
  out.d = quant::f16_to_f32(block.d);
  out.dmin = quant::f16_to_f32(block.dmin);
  unpack_group_scales(block.scales, out);
  for (int i = 0; i < quant::kSuperBlock; ++i) {
    const int group = i / 32;
    const int low = (block.qs[group / 2 * 32 + i % 32] >> (group % 2 * 4)) & 15;
    out.q[i] = static_cast<int8_t>(low | (((block.qh[i % 32] >> group) & 1) << 4));
  }
}

inline void unpack(const quant::BlockQ6_K& block, PlainBlock& out) {
  out.d = quant::f16_to_f32(block.d);
  out.dmin = 0.0F;
  for (int g = 0; g < 16; ++g) {
    out.scale[g] = int{block.scales[g]};
    out.min[g] = 0;
  }
  for (int i = 0; i < quant::kSuperBlock; ++i) {
    const int half = i / 128;
    const int chunk = i % 128 / 32;
    const int low = (block.ql[half * 64 + chunk % 2 * 32 + i % 32] >> (chunk / 2 * 4)) & 15;
    const int top = (block.qh[half * 32 + i % 32] >> (chunk * 2)) & 3;
    out.q[i] = static_cast<int8_t>((low | (top << 4)) - 32);
  }
}

inline void unpack(const quant::BlockQ4_0& block, PlainBlock& out) {
  out.d = quant::f16_to_f32(block.d);
  for (int i = 0; i < 16; ++i) {
    out.q[i] = static_cast<int8_t>((block.qs[i] & 15) - 8);
    out.q[i + 16] = static_cast<int8_t>((block.qs[i] >> 4) - 8);
  }
}

inline void unpack(const quant::BlockQ8_0& block, PlainBlock& out) {
  out.d = quant::f16_to_f32(block.d);
  for (int i = 0; i < 32; ++i) out.q[i] = block.qs[i];
}

inline int dot_16(const int8_t* a, const int8_t* b) {
  int sum = 0;
  for (int i = 0; i < 16; ++i) sum += a[i] * b[i];
  return sum;
}

template <typename Block, int kBlock>
inline float multiply_blocks(const PlainBlock& block, const MatmulTask& task, int64_t activation, int64_t b) {
  const int8_t* q = task.q.q + activation * task.k + b * kBlock;
  const float scale = task.q.scales[activation * (task.k / kBlock) + b];
  if constexpr (kBlock == quant::kSmallBlock) {
    return block.d * scale * static_cast<float>(dot_16(block.q, q) + dot_16(block.q + 16, q + 16));
  } else {
    const int16_t* sums = task.q.sums + (activation * task.k + b * kBlock) / 16;
    int dots = 0;
    int mins = 0;
    for (int g = 0; g < kBlock / 16; ++g) {
      dots += block.scale[g] * dot_16(block.q + g * 16, q + g * 16);
      mins += block.min[g] * sums[g];
    }
    return block.d * scale * static_cast<float>(dots) - block.dmin * scale * static_cast<float>(mins);
  }
}

template <typename Block, int kBlock>
void matmul_quantized(const MatmulTask& task) noexcept {
  constexpr int64_t kTile = 16;  // activations that share an unpacked block
  for (int64_t row = task.row_begin; row < task.row_end; ++row) {
    const auto* blocks =
        reinterpret_cast<const Block*>(static_cast<const char*>(task.w) + row * task.w_row_bytes);
    for (int64_t first = 0; first < task.n; first += kTile) {
      const int64_t count = task.n - first < kTile ? task.n - first : kTile;
      float sums[kTile] = {};
      PlainBlock block;
      for (int64_t b = 0; b < task.k / kBlock; ++b) {
        unpack(blocks[b], block);
        for (int64_t i = 0; i < count; ++i) {
          sums[i] += multiply_blocks<Block, kBlock>(block, task, first + i, b);
        }
      }
      for (int64_t i = 0; i < count; ++i) task.out[(first + i) * task.out_stride + row] = sums[i];
    }
  }
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
