// An engine process as the front sees it: a child that answers calls over a socket, until one of them ends.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "server/models/model_files.h"
#include "server/models/model_service.h"

namespace hearth::server {

// For the thread of the front. It lives until stop(), its own end, or that of the io_context.
class EngineProcess {
 public:
  // Starts `executable engine-process` and hands it the files; nothing of them is read before a call says
  // Open (open_call()). Messages name it as that of `model_name`. kIo.
  static Result<std::shared_ptr<EngineProcess>> start(const Executor& executor, const std::string& executable,
                                                      const std::string& model_name, ModelFiles files);
  virtual ~EngineProcess() = default;

  // The Open call for the files that it was started with.
  virtual protocol::Call open_call(const protocol::StartOptions& options) const = 0;
  // The Quantize call for the output that it was started with, which there is once.
  virtual protocol::Call quantize_call(const std::string& scheme) const = 0;
  // Has it load an adapter for calls that name it by this id; messages call the file `path`. Its reply is
  // adapter_loaded. As call() for an engine that has ended.
  virtual std::unique_ptr<EngineCall> load_adapter(const std::string& id, AdapterFile adapter) = 0;
  virtual void unload_adapter(const std::string& id) = 0;
  // Of an engine that has ended: a failure. kInvalidArgument, as a failure too, for texts that are no UTF-8.
  virtual std::unique_ptr<EngineCall> call(protocol::Call call) = 0;

  virtual pid_t pid() const = 0;
  virtual bool has_ended() const = 0;
  // Whether it ended without stop(): a crash, or somebody's signal.
  virtual bool has_failed() const = 0;
  virtual std::string end_message() const = 0;  // once it has ended
  // Called when it has ended and its calls have been told; at once if it has. A later callback replaces it.
  virtual void on_end(std::function<void()> callback) = 0;

  // Asks it to end; two seconds later it is killed. Its calls fail.
  virtual void stop() = 0;
};

// The one reply of a call that has one, progress and acceptance left out; its failure as an error.
Task<Result<protocol::Reply>> only_reply(EngineCall& call);
// The same, which gives progress to the callback.
Task<Result<protocol::Reply>> only_reply(EngineCall& call,
                                         std::function<void(const protocol::Progress&)> on_progress);

}  // namespace hearth::server
