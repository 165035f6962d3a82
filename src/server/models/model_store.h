// The store of a server's models, worked on beside the thread of the front: hashing takes seconds, and what
// has to be on the disk waits for the disk.
#pragma once

#include <atomic>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "server/async/queue.h"
#include "server/async/task.h"
#include "store/signature.h"
#include "store/store.h"

namespace hearth::server {

// For the thread of the front. Its destruction ends the hashing and waits for the rest of the work that has
// begun.
class ModelStore {
 public:
  ModelStore(const Executor& executor, store::Store store) : executor_(executor), store_(std::move(store)) {}
  ModelStore(const ModelStore&) = delete;
  ModelStore& operator=(const ModelStore&) = delete;
  ~ModelStore() {
    is_ending_ = true;
    threads_.join();
  }

  // For what does not wait: paths, sizes, small files.
  const store::Store& store() const noexcept { return store_; }

  // Does the work on another thread, which may use what it captured and the store, and gives its result. Goes
  // on to its end where the coroutine does not.
  template <typename T>
  Task<T> run(std::function<T(const store::Store&)> work) {
    auto results = std::make_shared<Queue<T>>(executor_);
    boost::asio::post(threads_, [this, results, work = std::move(work)]() mutable {
      auto result = std::make_shared<T>(work(store_));
      work = nullptr;
      boost::asio::post(executor_,
                        [results = std::move(results), result] { results->push(std::move(*result)); });
    });
    std::optional<T> result = co_await results->next();
    co_return std::move(*result);
  }

  // store::Store::ensure_verified. The callback is told on the thread of the front how many bytes were
  // hashed, ten times a second; never where they had been before.
  Task<Result<void>> ensure_verified(store::Digest digest, std::function<void(uint64_t)> on_hashed) {
    return check(
        [digest](const store::Store& store, const store::Progress& progress) {
          return store.ensure_verified(digest, progress);
        },
        std::move(on_hashed));
  }
  Task<Result<void>> ensure_verified(store::Digest digest) {
    return ensure_verified(digest, [](uint64_t) {});
  }
  // The same with store::verify_blob, which reads it whatever is remembered of it.
  Task<Result<void>> verify(store::Digest digest, std::function<void(uint64_t)> on_hashed) {
    return check(
        [digest](const store::Store& store, const store::Progress& progress) {
          return store::verify_blob(store, digest, progress);
        },
        std::move(on_hashed));
  }

 private:
  template <typename Hash>
  Task<Result<void>> check(Hash hash, std::function<void(uint64_t)> on_hashed) {
    std::function<Result<void>(const store::Store&)> work =
        [this, hash = std::move(hash), on_hashed = std::move(on_hashed)](const store::Store& store) {
          using Clock = std::chrono::steady_clock;
          constexpr std::chrono::milliseconds kInterval(100);
          Clock::time_point told = Clock::now();
          const store::Progress progress = [&](uint64_t n_bytes) {
            if (Clock::now() - told >= kInterval) {
              told = Clock::now();
              boost::asio::post(executor_, [on_hashed, n_bytes] { on_hashed(n_bytes); });
            }
            return !is_ending_.load();
          };
          return hash(store, progress);
        };
    return run<Result<void>>(std::move(work));
  }

  const Executor executor_;
  const store::Store store_;
  std::atomic<bool> is_ending_ = false;
  boost::asio::thread_pool threads_{2};  // one more than a blob that is being hashed
};

}  // namespace hearth::server
