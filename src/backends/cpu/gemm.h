// Dense products on the processor.
#pragma once

#include <memory>

#include "base/cpu.h"
#include "base/result.h"
#include "base/thread_pool.h"
#include "tensor/gemm.h"

namespace hearth::cpu {

// On the threads of `pool`, which must outlive it. kUnsupported where this machine or this build lacks the
// kernel set, or that has none of this precision; kRef has no such products, and kAmx alone has them in bf16.
Result<std::unique_ptr<tensor::Gemm>> make_gemm(
    Isa isa, ThreadPool& pool, tensor::GemmPrecision precision = tensor::GemmPrecision::kF32);

}  // namespace hearth::cpu
