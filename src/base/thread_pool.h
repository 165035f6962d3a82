// Threads that compute one parallel region at a time, with a start and an end that cost about a microsecond.
//
// A step of decoding runs hundreds of small regions one after another, so waiting threads spin for a while
// before they sleep: the wake-up of a sleeping thread costs more than most regions take.
//
// Invariants:
//  1. run() returns only after every thread has finished the region: what workers wrote is visible to the
//  caller.
//  2. The caller is thread 0 and takes part; a pool of one has no other thread and no synchronisation.
//  3. Idle threads use no processor after kSpinMicroseconds.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace hearth {

// run() may be called from one thread at a time, and not from inside a region.
class ThreadPool {
 public:
  explicit ThreadPool(int n_threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  int size() const noexcept { return n_threads_; }

  // Calls body(thread) for thread = 0 .. size()-1, each on its own thread. `body` must not throw.
  template <typename Body>
  void run(Body&& body) {
    using Plain = std::remove_reference_t<Body>;
    run_erased([](void* context, int thread) { (*static_cast<Plain*>(context))(thread); },
               const_cast<void*>(static_cast<const void*>(&body)));
  }

 private:
  using Region = void (*)(void* context, int thread);

  void run_erased(Region region, void* context);
  void work(int thread);

  static constexpr int kSpinMicroseconds = 200;

  const int n_threads_;
  Region region_ = nullptr;
  void* context_ = nullptr;
  // Each run() increments generation_; workers wait for it to change. Separate cache lines: workers write
  // n_running_ while others still read generation_.
  alignas(64) std::atomic<uint32_t> generation_{0};
  alignas(64) std::atomic<int> n_running_{0};
  alignas(64) std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

// The half-open range of `n` items that thread `thread` of `n_threads` takes, in multiples of `grain`.
struct Range {
  int64_t begin;
  int64_t end;
};
inline Range split_range(int64_t n, int64_t grain, int thread, int n_threads) noexcept {
  const int64_t n_grains = (n + grain - 1) / grain;
  const int64_t begin = n_grains * thread / n_threads * grain;
  const int64_t end = n_grains * (thread + 1) / n_threads * grain;
  return {begin < n ? begin : n, end < n ? end : n};
}

}  // namespace hearth
