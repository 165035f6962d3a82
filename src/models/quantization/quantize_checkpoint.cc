#include "models/quantization/quantize_checkpoint.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/excerpt.h"
#include "base/thread_pool.h"
#include "quant/quant.h"

namespace hearth::models {
namespace {

using gguf::TensorInfo;
using tensor::DType;

constexpr uint32_t kQuantizationVersion = 2;  // of the block layouts, as GGUF counts them
// Weights that a thread takes at a time: enough that handing out costs nothing, and two buffers of them fit
// into the caches.
constexpr int64_t kSliceElements = 64 * 1024;
// Slices of a thread between two writes.
constexpr int64_t kSlicesAtOnce = 8;
constexpr float kLargestF16 = 65504.0F;

bool is_float(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16;
}

Error in_tensor(const TensorInfo& tensor, const Error& error) {
  return error.in(fmt::format("tensor {}", excerpt(tensor.name)));
}

Result<void> check_conversion(const Checkpoint& checkpoint, const TensorInfo& tensor, DType to,
                              const QuantizeOptions& options) {
  if (!checkpoint.column_order(tensor.name).empty()) {
    return make_error(ErrorCode::kUnsupported,
                      "expected columns in the order of their inputs, found another, which GGUF cannot hold");
  }
  if (to == tensor.dtype) return {};
  if (!quant::can_dequantize(tensor.dtype) || !quant::can_quantize(to)) {
    return make_error(ErrorCode::kUnsupported, "expected weights that become {}, found {}",
                      tensor::dtype_name(to), tensor::dtype_name(tensor.dtype));
  }
  if (is_float(tensor.dtype) || options.allow_requantize) return {};
  return make_error(
      ErrorCode::kUnsupported,
      "expected F32, F16 or BF16, found {}: what was rounded once would be rounded again; start "
      "from the original weights",
      tensor::dtype_name(tensor.dtype));
}

// Some rows of a tensor: as they are, as floats, and as they become.
class SliceConverter {
 public:
  SliceConverter(const TensorInfo& tensor, DType to, bool measure)
      : from_(tensor.dtype), to_(to), measure_(measure), width_(tensor.shape.back()) {
    const auto n = static_cast<uint64_t>(width_);
    from_row_bytes_ = *tensor::row_bytes(from_, n);
    to_row_bytes_ = *tensor::row_bytes(to_, n);
  }

  int64_t width() const noexcept { return width_; }
  uint64_t from_row_bytes() const noexcept { return from_row_bytes_; }
  uint64_t to_row_bytes() const noexcept { return to_row_bytes_; }

  struct RowSums {
    double error = 0.0;
    double power = 0.0;
    int64_t bad = -1;  // the first weight that cannot be held
  };

  // One row. `x` and `back` are scratch of width() floats each.
  RowSums convert(const std::byte* from, std::byte* to, std::vector<float>& x,
                  std::vector<float>& back) const {
    x.resize(static_cast<size_t>(width_));
    quant::dequantize_row(from_, from, x.data(), width_);
    RowSums sums;
    const float limit = to_ == DType::kF16 ? kLargestF16 : std::numeric_limits<float>::max();
    // One comparison a weight that can be done several at a time; which one it was is looked up rarely.
    int n_bad = 0;
    for (const float v : x) n_bad += std::fabs(v) <= limit ? 0 : 1;
    if (n_bad > 0) {
      const auto at = std::ranges::find_if(x, [&](float v) { return !(std::fabs(v) <= limit); });
      sums.bad = at - x.begin();
      return sums;
    }
    quant::quantize_row(to_, x.data(), to, width_);
    if (!measure_) return sums;
    back.resize(x.size());
    quant::dequantize_row(to_, to, back.data(), width_);
    for (size_t i = 0; i < x.size(); ++i) {
      const double difference = static_cast<double>(back[i]) - x[i];
      sums.error += difference * difference;
      sums.power += static_cast<double>(x[i]) * x[i];
    }
    return sums;
  }

 private:
  DType from_;
  DType to_;
  bool measure_;
  int64_t width_;
  uint64_t from_row_bytes_ = 0;
  uint64_t to_row_bytes_ = 0;
};

class Quantizer {
 public:
  Quantizer(const Checkpoint& checkpoint, const QuantizeOptions& options)
      : checkpoint_(checkpoint), options_(options), pool_(std::max(options.n_threads, 1)) {}

  Result<QuantizeReport> run(gguf::ByteSink sink) {
    HEARTH_TRY(plan());
    HEARTH_ASSIGN(gguf::Writer writer, begin(std::move(sink)));
    report_.file_bytes = writer.size_bytes();
    for (size_t i = 0; i < types_.size(); ++i) {
      const TensorInfo& tensor = checkpoint_.tensors()[i];
      const auto written = write_tensor(tensor, types_[i], writer);
      if (!written) return in_tensor(tensor, written.error()).in(checkpoint_.name());
    }
    HEARTH_TRY(writer.finish());
    return std::move(report_);
  }

 private:
  Result<void> plan() {
    for (const TensorInfo& tensor : checkpoint_.tensors()) {
      types_.push_back(tensor.dtype);
      total_bytes_ += tensor.size_bytes;
    }
    if (options_.scheme != nullptr) types_ = plan_types(checkpoint_, *options_.scheme);
    for (size_t i = 0; i < types_.size(); ++i) {
      const TensorInfo& tensor = checkpoint_.tensors()[i];
      const auto checked = check_conversion(checkpoint_, tensor, types_[i], options_);
      if (!checked) return in_tensor(tensor, checked.error()).in(checkpoint_.name());
    }
    return {};
  }

  Result<gguf::Writer> begin(gguf::ByteSink sink) {
    gguf::FileDraft draft;
    for (const gguf::MetadataEntry& entry : checkpoint_.metadata()) draft.set(entry.key, entry.value);
    // The file is whole, whatever parts it is made of.
    for (const char* key : {"split.no", "split.count", "split.tensors.count"}) draft.remove(key);
    if (options_.scheme != nullptr) {
      const bool has_blocks = tensor::dtype_traits(options_.scheme->dtype).block_elements > 1;
      if (has_blocks) draft.set_number<uint32_t>("general.quantization_version", kQuantizationVersion);
      draft.set_number<uint32_t>("general.file_type", options_.scheme->file_type);
    }
    if (options_.edit_metadata) options_.edit_metadata(draft);
    for (size_t i = 0; i < types_.size(); ++i) {
      const TensorInfo& tensor = checkpoint_.tensors()[i];
      draft.add_tensor(tensor.name, types_[i], tensor.shape);
    }
    HEARTH_ASSIGN(gguf::Writer writer, gguf::Writer::begin(draft, std::move(sink)));
    if (options_.begin_file) HEARTH_TRY(options_.begin_file(writer.size_bytes()));
    return writer;
  }

  Result<void> write_tensor(const TensorInfo& tensor, DType to, gguf::Writer& writer) {
    QuantizedTensor result{std::string(tensor.name), tensor.dtype, to, tensor.shape.n_elements(), 0, 0, 0.0};
    HEARTH_ASSIGN(const std::span<const std::byte> data, checkpoint_.data(tensor));
    result.from_bytes = data.size();
    if (to == tensor.dtype) {
      HEARTH_TRY(copy(data, writer, result));
    } else {
      HEARTH_TRY(convert(tensor, data, writer, result));
    }
    checkpoint_.release(tensor);
    report_.from_bytes += result.from_bytes;
    report_.to_bytes += result.to_bytes;
    report_.n_elements += result.n_elements;
    report_.tensors.push_back(std::move(result));
    return tell(&report_.tensors.back());
  }

  Result<void> copy(std::span<const std::byte> data, gguf::Writer& writer, QuantizedTensor& result) {
    constexpr size_t kPieceBytes = size_t{4} << 20;
    for (size_t at = 0; at < data.size(); at += kPieceBytes) {
      const auto piece = data.subspan(at, std::min(kPieceBytes, data.size() - at));
      HEARTH_TRY(writer.append(piece));
      done_bytes_ += piece.size();
      HEARTH_TRY(tell(nullptr));
    }
    result.to_bytes = data.size();
    return {};
  }

  Result<void> convert(const TensorInfo& tensor, std::span<const std::byte> data, gguf::Writer& writer,
                       QuantizedTensor& result) {
    const SliceConverter converter(tensor, result.to, options_.measure_errors);
    const int64_t n_rows = result.n_elements / converter.width();
    const int64_t rows_at_once = std::max<int64_t>(
        kSliceElements * kSlicesAtOnce * pool_.size() / converter.width(), 4 * pool_.size());
    double error = 0.0;
    double power = 0.0;
    for (int64_t row = 0; row < n_rows; row += rows_at_once) {
      const int64_t n = std::min(rows_at_once, n_rows - row);
      const auto from = data.subspan(static_cast<uint64_t>(row) * converter.from_row_bytes(),
                                     static_cast<uint64_t>(n) * converter.from_row_bytes());
      convert_rows(converter, from, n);
      // In the order of the rows, so that the sum does not depend on the threads.
      for (int64_t i = 0; i < n; ++i) {
        const SliceConverter::RowSums& sums = sums_[static_cast<size_t>(i)];
        if (sums.bad >= 0) {
          return make_error(ErrorCode::kMalformed,
                            "expected finite weights{}, found another in row {}, column {}",
                            result.to == DType::kF16 ? " of magnitudes up to 65504" : "", row + i, sums.bad);
        }
        error += sums.error;
        power += sums.power;
      }
      const auto out = std::span(out_).first(static_cast<uint64_t>(n) * converter.to_row_bytes());
      HEARTH_TRY(writer.append(out));
      result.to_bytes += out.size();
      done_bytes_ += from.size();
      HEARTH_TRY(tell(nullptr));
    }
    if (power > 0.0) result.relative_error = std::sqrt(error / power);
    return {};
  }

  // Into out_ and sums_.
  void convert_rows(const SliceConverter& converter, std::span<const std::byte> from, int64_t n) {
    out_.resize(static_cast<uint64_t>(n) * converter.to_row_bytes());
    sums_.assign(static_cast<size_t>(n), {});
    pool_.run([&](int thread) {
      std::vector<float> x;
      std::vector<float> back;
      const Range rows = split_range(n, 1, thread, pool_.size());
      for (int64_t row = rows.begin; row < rows.end; ++row) {
        const auto at = static_cast<uint64_t>(row);
        sums_[at] = converter.convert(from.data() + at * converter.from_row_bytes(),
                                      out_.data() + at * converter.to_row_bytes(), x, back);
      }
    });
  }

  Result<void> tell(const QuantizedTensor* finished) {
    if (!options_.progress || options_.progress({done_bytes_, total_bytes_, finished})) return {};
    return make_error(ErrorCode::kCancelled, "stopped");
  }

  const Checkpoint& checkpoint_;
  const QuantizeOptions& options_;
  ThreadPool pool_;
  std::vector<DType> types_;
  std::vector<std::byte> out_;
  std::vector<SliceConverter::RowSums> sums_;
  uint64_t done_bytes_ = 0;
  uint64_t total_bytes_ = 0;
  QuantizeReport report_;
};

}  // namespace

Result<QuantizeReport> quantize_checkpoint(const Checkpoint& checkpoint, const QuantizeOptions& options,
                                           gguf::ByteSink sink) {
  return Quantizer(checkpoint, options).run(std::move(sink));
}

}  // namespace hearth::models
