// A fetcher process as the front sees it: a child that carries out one order and tells how it gets on.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "protocol/fetcher.pb.h"
#include "server/async/task.h"

namespace hearth::server {

// For the thread of the front. Destroying it ends the process: at once, if it does not go by itself within
// two seconds.
class FetcherProcess {
 public:
  // Starts `executable fetcher-process` and gives it the order. kIo.
  static Result<std::unique_ptr<FetcherProcess>> start(const Executor& executor,
                                                       const std::string& executable,
                                                       const protocol::FetchOrder& order);
  virtual ~FetcherProcess() = default;

  // The next report. The last one is `fetched` or `failure`, which is UNAVAILABLE where the process died;
  // then nothing.
  virtual Task<std::optional<protocol::FetchReport>> next() = 0;
  // Closes the socket: the process ends, and next() says CANCELLED.
  virtual void stop() = 0;
  virtual pid_t pid() const = 0;
};

}  // namespace hearth::server
