#include "cli/training_threads.h"

#include "cli/model_loading.h"

namespace hearth::cli {

Result<std::unique_ptr<TrainingThreads>> TrainingThreads::create(const Context& context, int64_t n_threads,
                                                                 train::Precision precision) {
  using tensor::GemmPrecision;
  auto made = std::unique_ptr<TrainingThreads>(new TrainingThreads(threads_or_default(n_threads)));
  const bool is_auto = precision == train::Precision::kAuto;
  const GemmPrecision first =
      precision == train::Precision::kF32 ? GemmPrecision::kF32 : GemmPrecision::kBf16;
  auto gemm = context.make_gemm(made->pool_, first);
  if (is_auto && !gemm && gemm.error().code() == ErrorCode::kUnsupported) {
    gemm = context.make_gemm(made->pool_, GemmPrecision::kF32);
  } else if (is_auto && gemm) {
    context.console.note("matrices are multiplied in bf16; weights and sums are f32");
  }
  if (!gemm) return gemm.error();
  made->gemm_ = std::move(*gemm);
  made->threads_.emplace(made->pool_, *made->gemm_);
  return made;
}

}  // namespace hearth::cli
