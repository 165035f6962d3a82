#include "metrics/read_bandwidth.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <span>
#include <vector>

#include "base/thread_pool.h"

namespace hearth::metrics {
namespace {

constexpr size_t kLineWords = 8;  // 64 bytes

// Anonymous memory, given back at the end.
class Pages {
 public:
  static Result<Pages> map(size_t size_bytes) {
    void* data = mmap(nullptr, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED) {
      return make_error(ErrorCode::kResourceExhausted, "a buffer of {} bytes to measure with: {}", size_bytes,
                        std::strerror(errno));
    }
    // Fewer page walks, as large weights have; a refusal only costs speed.
    (void)madvise(data, size_bytes, MADV_HUGEPAGE);
    return Pages(data, size_bytes);
  }
  Pages(Pages&& other) noexcept : data_(other.data_), size_bytes_(other.size_bytes_) {
    other.data_ = nullptr;
  }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;
  Pages& operator=(Pages&&) = delete;
  ~Pages() {
    if (data_ != nullptr) munmap(data_, size_bytes_);
  }
  std::span<uint64_t> words() const {
    return {static_cast<uint64_t*>(data_), size_bytes_ / sizeof(uint64_t)};
  }

 private:
  Pages(void* data, size_t size_bytes) : data_(data), size_bytes_(size_bytes) {}
  void* data_;
  size_t size_bytes_;
};

std::span<uint64_t> share_of(std::span<uint64_t> words, int thread, int n_threads) {
  const Range range = split_range(static_cast<int64_t>(words.size()), kLineWords, thread, n_threads);
  return words.subspan(static_cast<size_t>(range.begin), static_cast<size_t>(range.end - range.begin));
}

// One core keeps more reads in flight over several streams at once than over one: on a Xeon of 2023, 35 GB/s
// with two threads of four streams and prefetches, 22 GB/s with two threads of one stream. What a good
// kernel reaches must not exceed what is called the machine's bandwidth.
constexpr size_t kStreams = 4;
constexpr size_t kPrefetchBytes = 512;

// The sum of all words, read as kStreams neighbouring parts side by side.
uint64_t sum(std::span<const uint64_t> words) {
  typedef uint64_t Line __attribute__((vector_size(kLineWords * sizeof(uint64_t)), may_alias));
  const auto* lines = reinterpret_cast<const Line*>(words.data());
  const size_t n_lines = words.size() / kLineWords;
  const size_t n_each = n_lines / kStreams;
  Line sums[kStreams] = {};  // std::array would drop the attributes of Line
  for (size_t i = 0; i < n_each; ++i) {
    for (size_t stream = 0; stream < kStreams; ++stream) {
      const Line* line = lines + stream * n_each + i;
      __builtin_prefetch(reinterpret_cast<const char*>(line) + kPrefetchBytes);
      sums[stream] += *line;
    }
  }
  for (size_t i = n_each * kStreams; i < n_lines; ++i) sums[0] += lines[i];
  uint64_t total = 0;
  for (const Line& line : sums) {
    for (size_t i = 0; i < kLineWords; ++i) total += line[i];
  }
  return total;
}

}  // namespace

Result<double> measure_read_bandwidth(const ReadBandwidthOptions& options) {
  using Clock = std::chrono::steady_clock;
  if (options.n_threads < 1 || options.n_repeats < 1 ||
      options.buffer_bytes < kLineWords * sizeof(uint64_t)) {
    return make_error(
        ErrorCode::kInvalidArgument,
        "read bandwidth: expected at least 1 thread, 1 repeat and 64 bytes, found {}, {} and {}",
        options.n_threads, options.n_repeats, options.buffer_bytes);
  }
  HEARTH_ASSIGN(const Pages pages, Pages::map(options.buffer_bytes / 64 * 64));
  const std::span<uint64_t> words = pages.words();
  ThreadPool pool(options.n_threads);
  pool.run([&](int thread) {
    const std::span<uint64_t> mine = share_of(words, thread, options.n_threads);
    std::fill(mine.begin(), mine.end(), 1);
  });

  // What was read is compared with what was written: the compiler may not drop the reads.
  std::vector<uint64_t> totals(static_cast<size_t>(options.n_threads));
  std::vector<double> seconds;
  for (int repeat = 0; repeat < options.n_repeats; ++repeat) {
    const auto start = Clock::now();
    pool.run([&](int thread) {
      totals[static_cast<size_t>(thread)] = sum(share_of(words, thread, options.n_threads));
    });
    seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    uint64_t total = 0;
    for (const uint64_t t : totals) total += t;
    HEARTH_CHECK(total == words.size());
  }
  const auto middle = seconds.begin() + static_cast<std::ptrdiff_t>(seconds.size() / 2);
  std::nth_element(seconds.begin(), middle, seconds.end());
  return static_cast<double>(words.size_bytes()) / *middle;
}

}  // namespace hearth::metrics
