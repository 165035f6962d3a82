// Kernels without reuse of operands, for any vector type F of kLanes floats (the set's vector-inl.h, included
// before this file). Included once per instruction set; see kernels.h for the contracts.

namespace hearth::cpu::HEARTH_ISA {
namespace {

void rms_norm_kernel(const float* x, const float* weight, float epsilon, int64_t width, float* out) noexcept {
  F sum = zero();
  F sum2 = zero();
  int64_t i = 0;
  for (; i + 2 * kLanes <= width; i += 2 * kLanes) {
    const F a = load(x + i);
    const F b = load(x + i + kLanes);
    sum = fma(a, a, sum);
    sum2 = fma(b, b, sum2);
  }
  for (; i < width; i += kLanes) {
    const F a = load_partial(x + i, width - i);
    sum = fma(a, a, sum);
  }
  const float mean = reduce_add(add(sum, sum2)) / static_cast<float>(width);
  const F scale = broadcast(1.0F / __builtin_sqrtf(mean + epsilon));
  for (i = 0; i + kLanes <= width; i += kLanes) {
    store(out + i, mul(mul(load(x + i), scale), load(weight + i)));
  }
  if (i < width) {
    const F y = mul(mul(load_partial(x + i, width - i), scale), load_partial(weight + i, width - i));
    store_partial(out + i, y, width - i);
  }
}

void layer_norm_kernel(const float* x, const float* weight, const float* bias, float epsilon, int64_t width,
                       float* out) noexcept {
  const int64_t whole = width - width % kLanes;
  F sums = zero();
  for (int64_t i = 0; i < whole; i += kLanes) sums = add(sums, load(x + i));
  float sum = reduce_add(sums);
  for (int64_t i = whole; i < width; ++i) sum += x[i];
  const float mean = sum / static_cast<float>(width);

  // Of the differences, in a second pass: the mean of squares less the square of the mean would cancel.
  F squares = zero();
  for (int64_t i = 0; i < whole; i += kLanes) {
    const F difference = sub(load(x + i), broadcast(mean));
    squares = fma(difference, difference, squares);
  }
  float square = reduce_add(squares);
  for (int64_t i = whole; i < width; ++i) square += (x[i] - mean) * (x[i] - mean);
  const float scale = 1.0F / __builtin_sqrtf(square / static_cast<float>(width) + epsilon);

  const auto normalise = [&](F values, int64_t i, int64_t count) {
    const F y = mul(mul(sub(values, broadcast(mean)), broadcast(scale)), load_partial(weight + i, count));
    return bias == nullptr ? y : add(y, load_partial(bias + i, count));
  };
  for (int64_t i = 0; i < whole; i += kLanes) store(out + i, normalise(load(x + i), i, kLanes));
  if (whole < width) {
    const int64_t count = width - whole;
    store_partial(out + whole, normalise(load_partial(x + whole, count), whole, count), count);
  }
}

template <F (*activation)(F)>
void activate_kernel(float* x, int64_t n) noexcept {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(x + i, activation(load(x + i)));
  if (i < n) store_partial(x + i, activation(load_partial(x + i, n - i)), n - i);
}

template <F (*activation)(F)>
void gate_kernel(float* gate, const float* up, int64_t n) noexcept {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(gate + i, mul(activation(load(gate + i)), load(up + i)));
  if (i < n) {
    const F y = mul(activation(load_partial(gate + i, n - i)), load_partial(up + i, n - i));
    store_partial(gate + i, y, n - i);
  }
}

// Calls block(offset, count) for every kLanes elements of n, the last ones with their number.
template <typename Whole, typename Partial>
inline void for_lanes(int64_t n, Whole&& whole, Partial&& partial) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) whole(i);
  if (i < n) partial(i, n - i);
}

// x[i] = function(x[i], y[i])
template <typename Function>
inline void combine(float* x, const float* y, int64_t n, Function&& function) {
  for_lanes(
      n, [&](int64_t i) { store(x + i, function(load(x + i), load(y + i))); },
      [&](int64_t i, int64_t count) {
        store_partial(x + i, function(load_partial(x + i, count), load_partial(y + i, count)), count);
      });
}

void soft_cap_kernel(float* x, float cap, int64_t n) noexcept {
  combine(x, x, n, [&](F value, F) { return mul(broadcast(cap), tanh(div(value, broadcast(cap)))); });
}

void gate_by_sigmoid_kernel(float* x, const float* gate, int64_t n) noexcept {
  combine(x, gate, n, [](F value, F g) { return mul(value, sigmoid(g)); });
}

void clamped_swiglu_kernel(float* gate, const float* up, float limit, int64_t n) noexcept {
  combine(gate, up, n, [&](F g, F u) {
    const F bounded_gate = min(g, broadcast(limit));
    const F bounded_up = max(min(u, broadcast(limit)), broadcast(-limit));
    const F swish = mul(bounded_gate, sigmoid(mul(bounded_gate, broadcast(1.702F))));
    return mul(swish, add(bounded_up, broadcast(1.0F)));
  });
}

// The columns of S are independent: a vector of them passes through its rows twice.
void delta_step_kernel(const DeltaStep& step) noexcept {
  const F decay = broadcast(step.decay);
  const auto columns = [&](int64_t j, auto&& load_at, auto&& store_at) {
    F recalled = zero();
    for (int64_t i = 0; i < step.key_dim; ++i) {
      recalled =
          fma(mul(load_at(step.state + i * step.value_dim + j), decay), broadcast(step.k[i]), recalled);
    }
    const F correction = mul(broadcast(step.beta), sub(load_at(step.v + j), recalled));
    F answer = zero();
    for (int64_t i = 0; i < step.key_dim; ++i) {
      float* row = step.state + i * step.value_dim + j;
      const F updated = fma(broadcast(step.k[i]), correction, mul(load_at(row), decay));
      store_at(row, updated);
      answer = fma(broadcast(step.q[i]), updated, answer);
    }
    store_at(step.out + j, answer);
  };
  for_lanes(
      step.value_dim,
      [&](int64_t j) {
        columns(
            j, [](const float* p) { return load(p); }, [](float* p, F x) { store(p, x); });
      },
      [&](int64_t j, int64_t count) {
        columns(
            j, [&](const float* p) { return load_partial(p, count); },
            [&](float* p, F x) { store_partial(p, x, count); });
      });
}

void add_kernel(float* x, const float* y, int64_t n) noexcept {
  for (int64_t i = 0; i < n; ++i) x[i] += y[i];
}

void scale_kernel(float* x, float factor, int64_t n) noexcept {
  for (int64_t i = 0; i < n; ++i) x[i] *= factor;
}

void rope_interleaved_kernel(float* head, const float* cosines, const float* sines,
                             int64_t n_pairs) noexcept {
  for (int64_t i = 0; i < n_pairs; ++i) {
    const float a = head[2 * i];
    const float b = head[2 * i + 1];
    head[2 * i] = a * cosines[i] - b * sines[i];
    head[2 * i + 1] = a * sines[i] + b * cosines[i];
  }
}

void rope_halves_kernel(float* head, const float* cosines, const float* sines, int64_t n_pairs) noexcept {
  float* second = head + n_pairs;
  for (int64_t i = 0; i < n_pairs; ++i) {
    const float a = head[i];
    const float b = second[i];
    head[i] = a * cosines[i] - b * sines[i];
    second[i] = a * sines[i] + b * cosines[i];
  }
}

void to_f16_kernel(const float* x, int64_t n, uint16_t* out) noexcept {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store_f16(out + i, load(x + i));
  if (i < n) {
    uint16_t last[kLanes];
    store_f16(last, load_partial(x + i, n - i));
    for (int64_t j = 0; i + j < n; ++j) out[i + j] = last[j];
  }
}

void quantize_kernel(const float* x, int64_t k, int64_t block, int8_t* q, float* scales,
                     int16_t* sums) noexcept {
  for (int64_t b = 0; b < k / block; ++b, x += block, q += block, sums += block / 16) {
    F largest = zero();
    for (int64_t i = 0; i < block; i += kLanes) largest = max(largest, abs(load(x + i)));
    const float top = reduce_max(largest);
    // Below this the reciprocal overflows; such activations add nothing to any sum.
    const bool vanishes = !(top > 1e-36F);
    scales[b] = vanishes ? 0.0F : top / 127.0F;
    const F inverse = broadcast(vanishes ? 0.0F : 127.0F / top);
    for (int64_t i = 0; i < block; i += kLanes) store_rounded_i8(q + i, mul(load(x + i), inverse));
    for (int64_t g = 0; g < block / 16; ++g) {
      int sum = 0;
      for (int64_t i = 0; i < 16; ++i) sum += q[g * 16 + i];
      sums[g] = static_cast<int16_t>(sum);
    }
  }
}

}  // namespace
}  // namespace hearth::cpu::HEARTH_ISA
