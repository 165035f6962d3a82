// Q2_K to Q6_K: how weights become blocks of 256 whose groups have small integer scales of their own.
//
// A group's own search is blind to what the block can express: its scale and offset become multiples of two
// that all groups share. So the integers beside the rounded ones are tried, with the error that really comes
// out, and then the shared two are reckoned again by least squares; for as long as that helps, up to kRounds
// times.
#include <array>
#include <cmath>
#include <cstddef>

#include "quant/families.h"
#include "quant/half.h"
#include "quant/scale_search.h"

namespace hearth::quant {
namespace {

constexpr int kRounds = 2;
constexpr float kShareOfSquares = 1.0F;  // error_weights()
constexpr float kHalfShare = 0.5F;

// A block's weights, of magnitudes up to 1, and the way back.
struct NormalBlock {
  NormalBlock(const float* weights, float share) noexcept
      : largest(largest_magnitude(weights, kSuperBlock)), inverse(inverse_norm(largest)) {
    for (size_t i = 0; i < kSuperBlock; ++i) x[i] = weights[i] * inverse;
    error_weights(x.data(), kSuperBlock, share, w.data());
  }
  bool is_zero() const noexcept { return inverse == 0.0F; }
  // A shared scale as a block has it, and what that means here.
  uint16_t to_half(float scale) const noexcept { return scale_to_f16(scale * largest); }
  float from_half(uint16_t half) const noexcept { return f16_to_f32(half) * inverse; }

  float largest;
  float inverse;
  std::array<float, kSuperBlock> x;
  std::array<float, kSuperBlock> w;  // of their errors
};

// The elements of a group rounded to low .. high at `scale`, after `offset` was added.
template <int N>
void round_group(const float* x, float scale, float offset, float low, float high, float* q) noexcept {
  const Lanes inverse = all_lanes(inverse_or_zero(scale));
  for (int i = 0; i < N; i += kLanes) {
    store_lanes(round_lanes(clamp_lanes((load_lanes(x + i) + all_lanes(offset)) * inverse, low, high)),
                q + i);
  }
}

template <int N>
float group_error(const float* x, const float* w, float scale, float offset, float low, float high) noexcept {
  const Lanes inverse = all_lanes(inverse_or_zero(scale));
  Lanes error{};
  for (int i = 0; i < N; i += kLanes) {
    const Lanes v = load_lanes(x + i) + all_lanes(offset);
    const Lanes q = round_lanes(clamp_lanes(v * inverse, low, high));
    const Lanes difference = v - all_lanes(scale) * q;
    error += load_lanes(w + i) * difference * difference;
  }
  return sum_lanes(error);
}

// Improves the groups, then what they share and the groups again, for as long as the error falls. refit()
// changes `block`, and says whether it did; improve_groups() too, and gives the error.
template <typename Block, typename Refit, typename ImproveGroups>
void refine(Block& block, const Refit& refit, const ImproveGroups& improve_groups) noexcept {
  double error = improve_groups();
  for (int round = 0; round < kRounds; ++round) {
    const Block before = block;
    const double refitted = refit() ? improve_groups() : error;
    if (!(refitted < error)) {
      block = before;
      return;
    }
    error = refitted;
  }
}

// x = d * scale[g] * q - dmin * min[g], in groups of N.
template <int N>
struct AffineBlock {
  static constexpr int kGroups = kSuperBlock / N;
  uint16_t d = 0;
  uint16_t dmin = 0;
  std::array<uint8_t, kGroups> scale{};
  std::array<uint8_t, kGroups> min{};
  std::array<uint8_t, kSuperBlock> q{};
};

// Elements in 0 .. high; scales and mins in 0 .. most. `share` is that of error_weights().
template <int N>
class AffineSearch {
 public:
  AffineSearch(const float* weights, int high, int most, float share) noexcept
      : block_(weights, share), high_(static_cast<float>(high)), most_(most) {}

  AffineBlock<N> run() noexcept {
    if (block_.is_zero()) return {};
    fit_groups();
    refine(
        out_, [this] { return refit(); }, [this] { return improve_groups(); });
    for (int g = 0; g < AffineBlock<N>::kGroups; ++g) {
      const auto levels = round_levels(g);
      uint8_t* q = out_.q.data() + static_cast<ptrdiff_t>(g) * N;
      for (const float level : levels) *q++ = static_cast<uint8_t>(level);
    }
    return out_;
  }

 private:
  const float* group(int g) const noexcept { return block_.x.data() + static_cast<ptrdiff_t>(g) * N; }
  const float* errors(int g) const noexcept { return block_.w.data() + static_cast<ptrdiff_t>(g) * N; }
  float scale_of(int g) const noexcept {
    return block_.from_half(out_.d) * static_cast<float>(out_.scale[static_cast<size_t>(g)]);
  }
  float offset_of(int g) const noexcept {
    return block_.from_half(out_.dmin) * static_cast<float>(out_.min[static_cast<size_t>(g)]);
  }
  std::array<float, N> round_levels(int g) const noexcept {
    std::array<float, N> levels;
    round_group<N>(group(g), scale_of(g), offset_of(g), 0.0F, high_, levels.data());
    return levels;
  }

  void fit_groups() noexcept {
    std::array<AffineFit, AffineBlock<N>::kGroups> fits;
    float max_scale = 0.0F;
    float max_min = 0.0F;
    for (int g = 0; g < AffineBlock<N>::kGroups; ++g) {
      AffineFit& fit = fits[static_cast<size_t>(g)];
      fit = search_affine<N>(group(g), errors(g), static_cast<int>(high_));
      max_scale = std::max(max_scale, fit.scale);
      max_min = std::max(max_min, fit.min);
    }
    out_.d = block_.to_half(max_scale / static_cast<float>(most_));
    out_.dmin = block_.to_half(max_min / static_cast<float>(most_));
    const float inverse = inverse_or_zero(block_.from_half(out_.d));
    const float inverse_min = inverse_or_zero(block_.from_half(out_.dmin));
    for (size_t g = 0; g < fits.size(); ++g) {
      out_.scale[g] = static_cast<uint8_t>(round_to_level(fits[g].scale, inverse, 0, most_));
      out_.min[g] = static_cast<uint8_t>(round_to_level(fits[g].min, inverse_min, 0, most_));
    }
  }

  // Moves each group to the best of the scales and mins beside its own; the error of the whole block.
  double improve_groups() noexcept {
    const float d = block_.from_half(out_.d);
    const float dmin = block_.from_half(out_.dmin);
    double total = 0.0;
    for (int g = 0; g < AffineBlock<N>::kGroups; ++g) {
      const int scale = out_.scale[static_cast<size_t>(g)];
      const int min = out_.min[static_cast<size_t>(g)];
      float least = group_error<N>(group(g), errors(g), scale_of(g), offset_of(g), 0.0F, high_);
      for (int s = std::max(scale - 1, 0); s <= std::min(scale + 1, most_); ++s) {
        for (int m = std::max(min - 1, 0); m <= std::min(min + 1, most_); ++m) {
          if (s == scale && m == min) continue;
          const float error = group_error<N>(group(g), errors(g), d * static_cast<float>(s),
                                             dmin * static_cast<float>(m), 0.0F, high_);
          if (error >= least) continue;
          least = error;
          out_.scale[static_cast<size_t>(g)] = static_cast<uint8_t>(s);
          out_.min[static_cast<size_t>(g)] = static_cast<uint8_t>(m);
        }
      }
      total += least;
    }
    return total;
  }

  // d and dmin anew, by least squares over the integers that now stand; false where they stay.
  bool refit() noexcept {
    double aa = 0.0;  // of a = scale * q and b = min: x ~ d a - dmin b
    double ab = 0.0;
    double bb = 0.0;
    double ax = 0.0;
    double bx = 0.0;
    for (int g = 0; g < AffineBlock<N>::kGroups; ++g) {
      const std::array<float, N> levels = round_levels(g);
      Lanes w{};
      Lanes q{};
      Lanes qq{};
      Lanes xq{};
      Lanes x{};
      for (int i = 0; i < N; i += kLanes) {
        const Lanes level = load_lanes(levels.data() + i);
        const Lanes value = load_lanes(group(g) + i);
        const Lanes weight = load_lanes(errors(g) + i);
        w += weight;
        q += weight * level;
        qq += weight * level * level;
        xq += weight * value * level;
        x += weight * value;
      }
      const double scale = out_.scale[static_cast<size_t>(g)];
      const double min = out_.min[static_cast<size_t>(g)];
      aa += scale * scale * sum_lanes(qq);
      ab += scale * min * sum_lanes(q);
      bb += min * min * sum_lanes(w);
      ax += scale * sum_lanes(xq);
      bx += min * sum_lanes(x);
    }
    if (aa <= 0.0) return false;
    const double determinant = aa * bb - ab * ab;
    double d = ax / aa;
    double dmin = block_.from_half(out_.dmin);
    if (determinant > 1e-9 * aa * bb) {
      d = (ax * bb - ab * bx) / determinant;
      dmin = (ab * ax - aa * bx) / determinant;
    }
    if (!(d > 0.0) || !(dmin >= 0.0)) return false;
    const uint16_t half = block_.to_half(static_cast<float>(d));
    const uint16_t half_min = block_.to_half(static_cast<float>(dmin));
    if (half == out_.d && half_min == out_.dmin) return false;
    out_.d = half;
    out_.dmin = half_min;
    return true;
  }

  NormalBlock block_;
  float high_;
  int most_;
  AffineBlock<N> out_;
};

// x = d * scale[g] * q in groups of 16; q of low .. -low - 1, scales of bottom .. -bottom - 1.
constexpr int kSignedGroup = 16;
constexpr int kSignedGroups = kSuperBlock / kSignedGroup;

struct SignedBlock {
  uint16_t d = 0;
  std::array<int, kSignedGroups> scale{};
  std::array<int8_t, kSuperBlock> q{};
};

class SignedSearch {
 public:
  SignedSearch(const float* weights, int low, int bottom) noexcept
      : block_(weights, kShareOfSquares), low_(low), bottom_(bottom) {}

  SignedBlock run() noexcept {
    if (block_.is_zero()) return {};
    fit_groups();
    refine(
        out_, [this] { return refit(); }, [this] { return improve_groups(); });
    for (size_t g = 0; g < kSignedGroups; ++g) {
      const auto levels = round_levels(g);
      for (size_t i = 0; i < kSignedGroup; ++i) {
        out_.q[g * kSignedGroup + i] = static_cast<int8_t>(levels[i]);
      }
    }
    return out_;
  }

 private:
  const float* group(size_t g) const noexcept { return block_.x.data() + g * kSignedGroup; }
  const float* errors(size_t g) const noexcept { return block_.w.data() + g * kSignedGroup; }
  float scale_of(size_t g) const noexcept {
    return block_.from_half(out_.d) * static_cast<float>(out_.scale[g]);
  }
  float low() const noexcept { return static_cast<float>(low_); }
  float high() const noexcept { return static_cast<float>(-low_ - 1); }
  std::array<float, kSignedGroup> round_levels(size_t g) const noexcept {
    std::array<float, kSignedGroup> levels;
    round_group<kSignedGroup>(group(g), scale_of(g), 0.0F, low(), high(), levels.data());
    return levels;
  }

  void fit_groups() noexcept {
    std::array<float, kSignedGroups> scales;
    float extreme = 0.0F;
    for (size_t g = 0; g < kSignedGroups; ++g) {
      scales[g] = search_scale<kSignedGroup>(group(g), errors(g), low_, -low_ - 1);
      if (std::fabs(scales[g]) > std::fabs(extreme)) extreme = scales[g];
    }
    out_.d = block_.to_half(extreme / static_cast<float>(bottom_));
    const float inverse = inverse_or_zero(block_.from_half(out_.d));
    for (size_t g = 0; g < kSignedGroups; ++g) {
      out_.scale[g] = round_to_level(scales[g], inverse, bottom_, -bottom_ - 1);
    }
  }

  double improve_groups() noexcept {
    const float d = block_.from_half(out_.d);
    double total = 0.0;
    for (size_t g = 0; g < kSignedGroups; ++g) {
      const int scale = out_.scale[g];
      float least = group_error<kSignedGroup>(group(g), errors(g), scale_of(g), 0.0F, low(), high());
      for (const int s : {scale - 1, scale + 1}) {
        if (s < bottom_ || s > -bottom_ - 1) continue;
        const float error =
            group_error<kSignedGroup>(group(g), errors(g), d * static_cast<float>(s), 0.0F, low(), high());
        if (error >= least) continue;
        least = error;
        out_.scale[g] = s;
      }
      total += least;
    }
    return total;
  }

  bool refit() noexcept {
    double aa = 0.0;
    double ax = 0.0;
    for (size_t g = 0; g < kSignedGroups; ++g) {
      const std::array<float, kSignedGroup> levels = round_levels(g);
      Lanes qq{};
      Lanes xq{};
      for (size_t i = 0; i < kSignedGroup; i += kLanes) {
        const Lanes level = load_lanes(levels.data() + i);
        const Lanes weighted = load_lanes(errors(g) + i) * level;
        qq += weighted * level;
        xq += weighted * load_lanes(group(g) + i);
      }
      const double scale = out_.scale[g];
      aa += scale * scale * sum_lanes(qq);
      ax += scale * sum_lanes(xq);
    }
    if (aa <= 0.0) return false;
    const uint16_t half = block_.to_half(static_cast<float>(ax / aa));
    if (half == out_.d) return false;
    out_.d = half;
    return true;
  }

  NormalBlock block_;
  int low_;
  int bottom_;
  SignedBlock out_;
};

// The inverse of how k_quants.cc reads them.
void pack_affine_scales(const AffineBlock<32>& from, uint8_t (&packed)[12]) noexcept {
  for (size_t g = 0; g < 4; ++g) {
    packed[g] = static_cast<uint8_t>(from.scale[g] | ((from.scale[g + 4] >> 4) << 6));
    packed[g + 4] = static_cast<uint8_t>(from.min[g] | ((from.min[g + 4] >> 4) << 6));
    packed[g + 8] = static_cast<uint8_t>((from.scale[g + 4] & 15) | ((from.min[g + 4] & 15) << 4));
  }
}

// Two bits of each element, as Q2_K and Q3_K have them.
void add_two_bits(uint8_t (&qs)[64], size_t i, unsigned bits) noexcept {
  qs[i / 128 * 32 + i % 32] |= static_cast<uint8_t>(bits << (i % 128 / 32 * 2));
}

}  // namespace

void quantize_q2_k(const float* x, BlockQ2_K* blocks, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const AffineBlock<16> from = AffineSearch<16>(x + b * kSuperBlock, 3, 15, kShareOfSquares).run();
    BlockQ2_K& to = blocks[b];
    to = {};
    to.d = from.d;
    to.dmin = from.dmin;
    for (size_t g = 0; g < from.scale.size(); ++g) {
      to.scales[g] = static_cast<uint8_t>(from.scale[g] | (from.min[g] << 4));
    }
    for (size_t i = 0; i < kSuperBlock; ++i) add_two_bits(to.qs, i, from.q[i]);
  }
}

void quantize_q3_k(const float* x, BlockQ3_K* blocks, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const SignedBlock from = SignedSearch(x + b * kSuperBlock, -4, -32).run();
    BlockQ3_K& to = blocks[b];
    to = {};
    to.d = from.d;
    for (size_t g = 0; g < kSignedGroups; ++g) {
      const auto scale = static_cast<unsigned>(from.scale[g] + 32);
      to.scales[g % 8] |= static_cast<uint8_t>((scale & 15U) << (g / 8 * 4));
      to.scales[8 + g % 4] |= static_cast<uint8_t>((scale >> 4) << (g / 4 * 2));
    }
    for (size_t i = 0; i < kSuperBlock; ++i) {
      const auto q = static_cast<unsigned>(from.q[i] + 4);
      add_two_bits(to.qs, i, q & 3U);
      to.hmask[i % 32] |= static_cast<uint8_t>((q >> 2) << (i / 32));
    }
  }
}

void quantize_q4_k(const float* x, BlockQ4_K* blocks, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const AffineBlock<32> from = AffineSearch<32>(x + b * kSuperBlock, 15, 63, kHalfShare).run();
    BlockQ4_K& to = blocks[b];
    to.d = from.d;
    to.dmin = from.dmin;
    pack_affine_scales(from, to.scales);
    for (size_t pair = 0; pair < 4; ++pair) {
      const uint8_t* q = from.q.data() + pair * 64;
      for (size_t i = 0; i < 32; ++i) to.qs[pair * 32 + i] = static_cast<uint8_t>(q[i] | (q[i + 32] << 4));
    }
  }
}

void quantize_q5_k(const float* x, BlockQ5_K* blocks, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const AffineBlock<32> from = AffineSearch<32>(x + b * kSuperBlock, 31, 63, kHalfShare).run();
    BlockQ5_K& to = blocks[b];
    to = {};
    to.d = from.d;
    to.dmin = from.dmin;
    pack_affine_scales(from, to.scales);
    for (size_t g = 0; g < 8; ++g) {
      for (size_t i = 0; i < 32; ++i) {
        const unsigned q = from.q[g * 32 + i];
        to.qs[g / 2 * 32 + i] |= static_cast<uint8_t>((q & 15U) << (g % 2 * 4));
        to.qh[i] |= static_cast<uint8_t>((q >> 4) << g);
      }
    }
  }
}

void quantize_q6_k(const float* x, BlockQ6_K* blocks, int64_t n) noexcept {
  for (int64_t b = 0; b < n / kSuperBlock; ++b) {
    const SignedBlock from = SignedSearch(x + b * kSuperBlock, -32, -128).run();
    BlockQ6_K& to = blocks[b];
    to = {};
    to.d = from.d;
    for (size_t g = 0; g < kSignedGroups; ++g) to.scales[g] = static_cast<int8_t>(from.scale[g]);
    for (size_t i = 0; i < kSuperBlock; ++i) {
      const auto q = static_cast<unsigned>(from.q[i] + 32);
      const size_t half = i / 128;
      const size_t chunk = i % 128 / 32;
      to.ql[half * 64 + chunk % 2 * 32 + i % 32] |= static_cast<uint8_t>((q & 15U) << (chunk / 2 * 4));
      to.qh[half * 32 + i % 32] |= static_cast<uint8_t>((q >> 4) << (chunk * 2));
    }
  }
}

}  // namespace hearth::quant
