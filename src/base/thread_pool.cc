#include "base/thread_pool.h"

#include <algorithm>
#include <chrono>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace hearth {
namespace {

void pause() noexcept {
#if defined(__x86_64__)
  _mm_pause();
#else
  std::this_thread::yield();
#endif
}

// Spins until `atomic` differs from `old`, then sleeps on it (a futex). The clock is read only now and then.
template <typename T>
T wait_for_change(const std::atomic<T>& atomic, T old, std::chrono::microseconds spin) noexcept {
  using Clock = std::chrono::steady_clock;
  const auto give_up = Clock::now() + spin;
  do {
    for (int i = 0; i < 64; ++i) {
      const T now = atomic.load(std::memory_order_acquire);
      if (now != old) return now;
      pause();
    }
  } while (Clock::now() < give_up);
  atomic.wait(old, std::memory_order_acquire);
  return atomic.load(std::memory_order_acquire);
}

}  // namespace

ThreadPool::ThreadPool(int n_threads) : n_threads_(std::max(1, n_threads)) {
  workers_.reserve(static_cast<size_t>(n_threads_ - 1));
  for (int thread = 1; thread < n_threads_; ++thread) {
    workers_.emplace_back([this, thread] { work(thread); });
  }
}

ThreadPool::~ThreadPool() {
  stop_.store(true, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_erased(Region region, void* context) {
  if (n_threads_ == 1) {
    region(context, 0);
    return;
  }
  region_ = region;
  context_ = context;
  n_running_.store(n_threads_ - 1, std::memory_order_relaxed);
  generation_.fetch_add(1, std::memory_order_release);
  generation_.notify_all();
  region(context, 0);
  for (int left = n_running_.load(std::memory_order_acquire); left != 0;) {
    left = wait_for_change(n_running_, left, std::chrono::microseconds(kSpinMicroseconds));
  }
}

void ThreadPool::work(int thread) {
  for (uint32_t seen = 0;;) {
    seen = wait_for_change(generation_, seen, std::chrono::microseconds(kSpinMicroseconds));
    if (stop_.load(std::memory_order_relaxed)) return;
    region_(context_, thread);
    if (n_running_.fetch_sub(1, std::memory_order_acq_rel) == 1) n_running_.notify_one();
  }
}

}  // namespace hearth
