#include "server/models/model_probes.h"

#include "protocol/status.h"
#include "server/models/stall_guard.h"

namespace hearth::server {
namespace {

// Processes at a time: who lists a hundred models must not start a hundred at once.
constexpr size_t kMaxRunning = 2;
// Which takes all cores for minutes, and is no question.
constexpr size_t kMaxQuantizing = 1;
constexpr size_t kMaxRemembered = 1000;

// Ends the process however the question ends.
class StopAtEnd {
 public:
  explicit StopAtEnd(EngineProcess& process) : process_(process) {}
  StopAtEnd(const StopAtEnd&) = delete;
  StopAtEnd& operator=(const StopAtEnd&) = delete;
  ~StopAtEnd() { process_.stop(); }

 private:
  EngineProcess& process_;
};

class Turn {
 public:
  Turn(size_t& n_running, Monitor& monitor) : n_running_(n_running), monitor_(monitor) { ++n_running_; }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    --n_running_;
    monitor_.notify_all();
  }

 private:
  size_t& n_running_;
  Monitor& monitor_;
};

}  // namespace

Task<Result<protocol::Opened>> ModelProbes::open(EngineProcess& process, std::string name,
                                                 std::optional<AdapterFile> adapter) {
  bool has_stalled = false;
  StallGuard guard(executor_, load_timeout_, [&has_stalled, &process] {
    has_stalled = true;
    process.stop();
  });
  guard.touch();
  const auto opening = process.call(process.open_call(options_));
  std::function<void(const protocol::Progress&)> on_progress = [&guard](const protocol::Progress&) {
    guard.touch();
  };
  Result<protocol::Reply> opened = co_await only_reply(*opening, std::move(on_progress));
  if (opened && adapter) {
    const std::string id = adapter->id;
    const auto loading = process.load_adapter(id, std::move(*adapter));
    const Result<protocol::Reply> loaded = co_await only_reply(*loading);
    if (loaded) {
      opened->mutable_opened()->mutable_memory()->set_adapters_bytes(loaded->adapter_loaded().size_bytes());
    } else {
      opened = loaded.error();
    }
  }
  guard.release();
  if (has_stalled) {
    co_return make_error(ErrorCode::kUnavailable,
                         "model '{}': opening it was given up, since it got no further for {:.4g} s "
                         "(--load-timeout)",
                         name, load_timeout_.count());
  }
  if (!opened) co_return opened.error();
  co_return std::move(*opened->mutable_opened());
}

Task<Result<ModelProbes::Answer>> ModelProbes::probe(CatalogEntry entry, bool with_inspection, bool verbose) {
  while (n_running_ >= kMaxRunning) co_await monitor_.changed();
  const Turn turn(n_running_, monitor_);
  auto files = open_model_files(entry);
  if (!files) co_return files.error();
  std::optional<AdapterFile> adapter = std::exchange(files->adapter, std::nullopt);
  const auto process = EngineProcess::start(executor_, executable_, entry.name, std::move(*files));
  if (!process) co_return process.error();
  const StopAtEnd stop(**process);
  Result<protocol::Opened> opened = co_await open(**process, entry.name, std::move(adapter));
  if (!opened) co_return opened.error();
  Answer answer;
  answer.first = std::move(*opened);
  if (descriptions_.size() >= kMaxRemembered) descriptions_.clear();
  descriptions_[entry.digest] = answer.first;
  if (with_inspection) {
    protocol::Call call;
    call.mutable_inspect()->set_verbose(verbose);
    const auto inspecting = (*process)->call(std::move(call));
    Result<protocol::Reply> inspected = co_await only_reply(*inspecting);
    if (!inspected) co_return inspected.error();
    answer.second = std::move(*inspected->mutable_inspection());
  }
  co_return answer;
}

Task<Result<std::string>> ModelProbes::quantize(CatalogEntry entry, QuantizeWish wish) {
  while (n_quantizing_ >= kMaxQuantizing) co_await monitor_.changed();
  const Turn turn(n_quantizing_, monitor_);
  auto files = open_model_files(entry);
  if (!files) co_return files.error();
  files->output = wish.output;
  const auto process = EngineProcess::start(executor_, executable_, entry.name, std::move(*files));
  if (!process) co_return process.error();
  const StopAtEnd stop(**process);
  std::optional<AdapterFile> no_adapter;
  const Result<protocol::Opened> opened = co_await open(**process, entry.name, std::move(no_adapter));
  if (!opened) co_return opened.error();
  const auto quantizing = (*process)->call((*process)->quantize_call(wish.scheme));
  while (true) {
    std::optional<protocol::Reply> reply = co_await quantizing->next();
    if (!reply) co_return Error(ErrorCode::kUnavailable, "the engine did not answer");
    if (reply->has_failure()) co_return protocol::error_of(reply->failure());
    if (reply->has_quantized()) co_return reply->quantized().scheme();
    if (!reply->has_progress()) continue;
    const protocol::Progress progress = reply->progress();
    const bool goes_on = co_await wish.on_progress(progress);
    if (!goes_on) co_return Error(ErrorCode::kCancelled, "quantising was given up: nobody waits for it");
  }
}

Task<Result<protocol::Opened>> ModelProbes::describe(CatalogEntry entry) {
  if (const auto known = descriptions_.find(entry.digest); known != descriptions_.end())
    co_return known->second;
  Result<Answer> answer = co_await probe(std::move(entry), /*with_inspection=*/false, /*verbose=*/false);
  if (!answer) co_return answer.error();
  co_return std::move(answer->first);
}

Task<Result<protocol::Inspection>> ModelProbes::inspect(CatalogEntry entry, bool verbose) {
  Result<Answer> answer = co_await probe(std::move(entry), /*with_inspection=*/true, verbose);
  if (!answer) co_return answer.error();
  co_return std::move(answer->second);
}

}  // namespace hearth::server
