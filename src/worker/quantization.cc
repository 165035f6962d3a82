#include "worker/quantization.h"

#include <cerrno>
#include <cstring>

#include "base/write_all.h"
#include "models/quantization/quantize_checkpoint.h"

namespace hearth::worker {
namespace {

Result<void> write_weights(int descriptor, std::span<const std::byte> bytes) {
  const int number = write_all(descriptor, bytes);
  if (number == 0) return {};
  const bool is_full = number == ENOSPC || number == EDQUOT;
  return make_error(is_full ? ErrorCode::kResourceExhausted : ErrorCode::kIo,
                    "the quantised model cannot be written: {}", std::strerror(number));
}

}  // namespace

Result<protocol::Quantized> quantize(const models::Checkpoint& checkpoint, const std::string& scheme,
                                     int descriptor, int n_threads, LoadReport& report) {
  models::QuantizeOptions options;
  HEARTH_ASSIGN(options.scheme, models::find_scheme(scheme));
  if (const std::string& format = checkpoint.files().format; !format.starts_with("GGUF")) {
    return make_error(ErrorCode::kUnsupported,
                      "{}: expected a GGUF file, found {}, whose tokenizer has no place in one",
                      checkpoint.name(), format);
  }
  options.n_threads = n_threads;
  options.progress = [&report](const models::QuantizeProgress& progress) {
    report.tell({"quantizing", progress.done_bytes, progress.total_bytes});
    return true;
  };
  protocol::Quantized quantized;
  quantized.set_scheme(std::string(options.scheme->name));
  HEARTH_TRY(models::quantize_checkpoint(checkpoint, options, [descriptor](std::span<const std::byte> bytes) {
    return write_weights(descriptor, bytes);
  }));
  return quantized;
}

}  // namespace hearth::worker
