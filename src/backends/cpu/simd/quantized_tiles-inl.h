// Products with quantised weights, from a set's affine_panel (Q4_K and Q5_K), centred_panel (Q6_K) and
// small_panel (Q4_0 and Q8_0).
//
// A panel of kLanes weight rows, a row to a lane, is multiplied by up to four activations at once. So the
// scales of a block are applied to kLanes rows by one multiplication, and nothing is left to add up at the
// end of a row. Per element of the output and block of weights, in order:
//   K-quants   sum = fma(dots, d * scale, sum); sum = fma(mins, -(dmin * scale), sum)   (Q6_K: the first
//   alone) 32-blocks  sum = fma(dots, d * scale, sum)
// dots and mins are integers, exact in any order; so the same bits come from tiles of any shape, and from
// AMX.

namespace hearth::cpu::HEARTH_ISA {
namespace {

// One panel by any number of activations, four at a time.
template <template <int> typename Tile>
inline void all_activations(const MatmulTask& task, int64_t row) {
  const Panel panel = make_panel(task, row);
  int64_t i = 0;
  for (; i + 4 <= task.n; i += 4) Tile<4>::run(task, panel, row, i);
  switch (task.n - i) {
    case 3:
      Tile<3>::run(task, panel, row, i);
      break;
    case 2:
      Tile<2>::run(task, panel, row, i);
      break;
    case 1:
      Tile<1>::run(task, panel, row, i);
      break;
    default:
      break;
  }
}

template <typename Block>
struct AffineTiles {
  template <int kActivations>
  struct Tile {
    static void run(const MatmulTask& task, const Panel& panel, int64_t row, int64_t activation) {
      affine_panel<Block, kActivations>(task, panel, row, activation);
    }
  };
};
template <typename Block>
struct CentredTiles {
  template <int kActivations>
  struct Tile {
    static void run(const MatmulTask& task, const Panel& panel, int64_t row, int64_t activation) {
      centred_panel<Block, kActivations>(task, panel, row, activation);
    }
  };
};
template <typename Small>
struct SmallTiles {
  template <int kActivations>
  struct Tile {
    static void run(const MatmulTask& task, const Panel& panel, int64_t row, int64_t activation) {
      small_panel<Small, kActivations>(task, panel, row, activation);
    }
  };
};

template <typename Tiles>
void matmul_panels(const MatmulTask& task) noexcept {
  for (int64_t row = task.row_begin; row < task.row_end; row += kLanes) {
    all_activations<Tiles::template Tile>(task, row);
  }
}

template <typename Block, int kBlock>
struct TilesFor;
template <>
struct TilesFor<quant::BlockQ4_0, quant::kSmallBlock> : SmallTiles<SmallQ4_0> {};
template <>
struct TilesFor<quant::BlockQ8_0, quant::kSmallBlock> : SmallTiles<SmallQ8_0> {};
template <>
struct TilesFor<quant::BlockQ4_K, quant::kSuperBlock> : AffineTiles<quant::BlockQ4_K> {};
template <>
struct TilesFor<quant::BlockQ5_K, quant::kSuperBlock> : AffineTiles<quant::BlockQ5_K> {};
template <>
struct TilesFor<quant::BlockQ6_K, quant::kSuperBlock> : CentredTiles<quant::BlockQ6_K> {};

template <typename Block, int kBlock>
void matmul_quantized(const MatmulTask& task) noexcept {
  matmul_panels<TilesFor<Block, kBlock>>(task);
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
