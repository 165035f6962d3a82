// Pulls and pushes of models, as the API sees them. For the thread of the front.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "server/async/task.h"

namespace hearth::server {

class ModelStore;

struct TransferStatus {
  // What is being done: "pulling 0123456789ab", "verifying sha256 digest", "writing manifest", "success".
  std::string text;
  // Of the blob that is on its way.
  std::string digest = {};  // "sha256:..."; empty: of none
  uint64_t total_bytes = 0;
  uint64_t completed_bytes = 0;
  double bytes_per_s = 0.0;  // of the last seconds; 0: not known

  // Until the blob is there, at this rate; nothing where that is not known.
  std::optional<double> seconds_left() const {
    if (bytes_per_s <= 0.0 || completed_bytes >= total_bytes) return std::nullopt;
    return static_cast<double>(total_bytes - completed_bytes) / bytes_per_s;
  }
};

// One pull or push. Destroying it cancels it; what was fetched stays.
class Transfer {
 public:
  virtual ~Transfer() = default;
  // The next status; the last one is "success" or an error. Nothing after that.
  virtual Task<std::optional<Result<TransferStatus>>> next() = 0;
  // next() says kCancelled soon.
  virtual void cancel() = 0;
};

struct TransferWish {
  enum class Kind { kPull, kPush };
  Kind kind = Kind::kPull;
  std::string name;  // as a client writes it
  bool insecure = false;
  // Of a pull: another Hearth machine that is asked for blobs first, and a key of it. Empty: none.
  std::string from = {};
  std::string from_key = {};
};

class TransferService {
 public:
  virtual ~TransferService() = default;
  // kInvalidArgument for a name that is none, kUnsupported where the server is offline or has no store; what
  // starting a process may say.
  virtual Result<std::unique_ptr<Transfer>> begin(const TransferWish& wish) = 0;
};

struct TransferOptions {
  bool offline = false;  // no fetcher is ever started
  std::string ca_file = {};
  uint64_t max_bytes_per_s = 0;
  std::vector<std::string> token_hosts = {};
  std::string docker_config = {};
  std::string executable = "/proc/self/exe";
  // For tests; 0: the fetcher's own.
  uint64_t part_bytes = 0;
  uint32_t stall_timeout_s = 0;
  uint32_t first_pause_ms = 0;
  uint32_t max_tries = 0;
};

// Runs each in a fetcher process of its own, and writes the manifest when all blobs are there. `executor` and
// `store` (null: there is none) outlive it and its transfers.
std::unique_ptr<TransferService> make_transfer_service(const Executor& executor, ModelStore* store,
                                                       TransferOptions options);

}  // namespace hearth::server
