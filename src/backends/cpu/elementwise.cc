// The ops that read each element once: norms, activations, sums, take_rows, store_kv.
#include <algorithm>

#include "backends/cpu/cpu_backend_impl.h"
#include "quant/quant.h"

namespace hearth::cpu {

void CpuBackend::do_rms_norm(const tensor::Tensor& x, const tensor::Tensor& weight, float epsilon,
                             const tensor::Tensor& out) {
  const int64_t width = x.shape[1];
  parallel(x.shape[0], 1, width, [&](int, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      kernels_.rms_norm(x.f32() + row * width, weight.f32(), epsilon, width, out.f32() + row * width);
    }
  });
}

void CpuBackend::do_layer_norm(const tensor::Tensor& x, const tensor::Tensor& weight,
                               const tensor::Tensor* bias, float epsilon, const tensor::Tensor& out) {
  const int64_t width = x.shape[1];
  const float* bias_values = bias == nullptr ? nullptr : bias->f32();
  parallel(x.shape[0], 1, width, [&](int, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      kernels_.layer_norm(x.f32() + row * width, weight.f32(), bias_values, epsilon, width,
                          out.f32() + row * width);
    }
  });
}

const ActivationKernels& CpuBackend::kernels_of(tensor::Activation activation) const {
  switch (activation) {
    case tensor::Activation::kSilu:
      return kernels_.silu;
    case tensor::Activation::kGeluTanh:
      return kernels_.gelu_tanh;
    case tensor::Activation::kGeluErf:
      break;
  }
  return kernels_.gelu_erf;
}

// Row by row, so that an element's place in its vector does not depend on the rows before it.
void CpuBackend::do_activate_gate(tensor::Activation activation, const tensor::Tensor& gate,
                                  const tensor::Tensor& up) {
  const int64_t width = gate.shape[1];
  const ActivationKernels& kernels = kernels_of(activation);
  parallel(gate.shape[0], 1, width, [&](int, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      kernels.gate(gate.f32() + row * width, up.f32() + row * width, width);
    }
  });
}

void CpuBackend::do_activate(tensor::Activation activation, const tensor::Tensor& x) {
  const int64_t width = x.shape[1];
  const ActivationKernels& kernels = kernels_of(activation);
  parallel(x.shape[0], 1, width, [&](int, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) kernels.activate(x.f32() + row * width, width);
  });
}

void CpuBackend::do_add(const tensor::Tensor& x, const tensor::Tensor& y) {
  parallel(x.shape.n_elements(), 1024, 1, [&](int, int64_t begin, int64_t end) {
    kernels_.add(x.f32() + begin, y.f32() + begin, end - begin);
  });
}

void CpuBackend::do_add_bias(const tensor::Tensor& x, const tensor::Tensor& bias) {
  const int64_t width = x.shape[1];
  parallel(x.shape[0], 1, width, [&](int, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) kernels_.add(x.f32() + row * width, bias.f32(), width);
  });
}

void CpuBackend::do_scale(const tensor::Tensor& x, float factor) {
  parallel(x.shape.n_elements(), 1024, 1,
           [&](int, int64_t begin, int64_t end) { kernels_.scale(x.f32() + begin, factor, end - begin); });
}

void CpuBackend::do_take_rows(const tensor::Tensor& x, std::span<const int32_t> rows,
                              const tensor::Tensor& out) {
  const int64_t width = x.shape[1];
  float* to = out.f32();
  for (const int32_t row : rows) to = std::copy_n(x.f32() + row * width, width, to);
}

void CpuBackend::do_store_kv(const tensor::Tensor& k, const tensor::Tensor& v, const tensor::PagedKv& cache,
                             std::span<const tensor::SequenceRows> sequences) {
  const int64_t n_kv_heads = cache.k.shape[1];
  const auto store = [&](const tensor::Tensor& from, const tensor::Tensor& to,
                         const tensor::SequenceRows& sequence, int64_t token) {
    const int64_t head_dim = to.shape[3];
    for (int64_t head = 0; head < n_kv_heads; ++head) {
      const float* elements = from.f32() + ((sequence.first_row + token) * n_kv_heads + head) * head_dim;
      std::byte* row = cache_row(to, sequence, sequence.start_position + token, head);
      if (to.dtype == tensor::DType::kF16) {
        kernels_.to_f16(elements, head_dim, reinterpret_cast<uint16_t*>(row));
      } else {
        quant::quantize_row(to.dtype, elements, row, head_dim);
      }
    }
  };
  for (const tensor::SequenceRows& sequence : sequences) {
    parallel(sequence.n_tokens, 1, 2 * n_kv_heads * cache.k.shape[3], [&](int, int64_t begin, int64_t end) {
      for (int64_t token = begin; token < end; ++token) {
        store(k, cache.k, sequence, token);
        if (!cache.values_in_keys()) store(v, cache.v, sequence, token);
      }
    });
  }
}

void CpuBackend::do_soft_cap(const tensor::Tensor& x, float cap) {
  parallel(x.shape.n_elements(), 1024, 4,
           [&](int, int64_t begin, int64_t end) { kernels_.soft_cap(x.f32() + begin, cap, end - begin); });
}

void CpuBackend::do_gate_by_sigmoid(const tensor::Tensor& x, const tensor::Tensor& gate) {
  const int64_t width = x.shape[1];
  const int64_t n_gates = gate.shape[1];
  parallel(x.shape[0], 1, width, [&](int, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* values = x.f32() + row * width;
      const float* gates = gate.f32() + row * n_gates;
      if (n_gates == width) {
        kernels_.gate_by_sigmoid(values, gates, width);
      } else {
        float share = 1.0F;
        kernels_.gate_by_sigmoid(&share, gates, 1);
        for (int64_t i = 0; i < width; ++i) values[i] *= share;
      }
    }
  });
}

void CpuBackend::do_clamped_swiglu(const tensor::Tensor& gate, const tensor::Tensor& up, float limit) {
  const int64_t width = gate.shape[1];
  parallel(gate.shape[0], 1, width, [&](int, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      kernels_.clamped_swiglu(gate.f32() + row * width, up.f32() + row * width, limit, width);
    }
  });
}

void CpuBackend::do_copy_columns(const tensor::Tensor& from, int64_t from_first, const tensor::Tensor& to,
                                 int64_t to_first, int64_t count) {
  parallel(from.shape[0], 1, count, [&](int, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      std::copy_n(from.f32() + row * from.shape[1] + from_first, count,
                  to.f32() + row * to.shape[1] + to_first);
    }
  });
}

void CpuBackend::do_gather_columns(const tensor::Tensor& x, const tensor::Tensor& columns,
                                   const tensor::Tensor& out) {
  const int64_t width = x.shape[1];
  const int64_t count = columns.shape[0];
  const auto* from = columns.as<const int32_t>();
  parallel(x.shape[0], 1, count, [&](int, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t j = 0; j < count; ++j) out.f32()[row * count + j] = x.f32()[row * width + from[j]];
    }
  });
}

}  // namespace hearth::cpu
