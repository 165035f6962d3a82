#include "server/models/engine_process.h"

#include <algorithm>
#include <map>
#include <utility>

#include "protocol/framing.h"
#include "protocol/status.h"
#include "server/async/queue.h"
#include "server/process/child_process.h"

namespace hearth::server {
namespace {

constexpr int kFirstFileDescriptor = 4;
// An engine that sends more than anybody reads is not one of ours any more.
constexpr size_t kMaxQueuedReplies = 1'000'000;

struct CallState {
  CallState(const Executor& executor, uint64_t call_id) : id(call_id), replies(executor) {}

  const uint64_t id;
  uint32_t n_answers = 1;  // that are still to be finished
  Queue<protocol::Reply> replies;
};

bool ends_call(const protocol::Reply& reply, CallState& state) {
  switch (reply.what_case()) {
    case protocol::Reply::kAccepted:
    case protocol::Reply::kProgress:
    case protocol::Reply::kDelta:
      return false;
    case protocol::Reply::kFinished:
      return --state.n_answers == 0;
    default:
      return true;
  }
}

void fail(CallState& state, const Error& error) {
  protocol::Reply reply;
  reply.set_id(state.id);
  *reply.mutable_failure() = protocol::failure_of(error);
  state.replies.push(std::move(reply));
  state.replies.close();
}

class Process final : public EngineProcess, public ChildProcess {
 public:
  Process(const Executor& executor, std::string model_name, StartedChild child, protocol::Open open)
      : ChildProcess(executor, std::move(child)),
        executor_(executor),
        model_name_(std::move(model_name)),
        open_(std::move(open)) {}

  protocol::Call open_call(const protocol::StartOptions& options) const override {
    protocol::Call call;
    *call.mutable_open() = open_;
    *call.mutable_open()->mutable_options() = options;
    return call;
  }

  protocol::Call quantize_call(const std::string& scheme) const override {
    protocol::Call call;
    call.mutable_quantize()->set_scheme(scheme);
    call.mutable_quantize()->set_descriptor(kFirstFileDescriptor + open_.files_size());
    return call;
  }

  std::unique_ptr<EngineCall> call(protocol::Call call) override { return begin(std::move(call), {}); }

  std::unique_ptr<EngineCall> load_adapter(const std::string& id, AdapterFile adapter) override {
    protocol::Call call;
    call.mutable_load_adapter()->set_id(id);
    call.mutable_load_adapter()->set_path(adapter.name);
    return begin(std::move(call), std::move(adapter.descriptor));
  }

  void unload_adapter(const std::string& id) override {
    if (has_ended_) return;
    protocol::Call call;
    call.mutable_unload_adapter()->set_id(id);
    send_unanswered(std::move(call));
  }

  pid_t pid() const override { return process_id(); }
  bool has_ended() const override { return has_ended_; }
  bool has_failed() const override { return has_ended_ && !is_stopping_; }
  std::string end_message() const override { return end_message_; }
  void on_end(std::function<void()> callback) override {
    if (has_ended_) return callback();
    on_end_ = std::move(callback);
  }

  void stop() override {
    is_stopping_ = true;
    if (!has_ended_) finish_sending();
  }

  // Replies to it are dropped from now on.
  void forget(uint64_t id) { calls_.erase(id); }
  void send_cancel(uint64_t id) {
    if (!calls_.contains(id)) return;
    protocol::Call call;
    call.mutable_cancel()->set_call(id);
    send_unanswered(std::move(call));
  }

 private:
  std::unique_ptr<EngineCall> begin(protocol::Call call, UniqueDescriptor file);

  void send_unanswered(protocol::Call call) {
    call.set_id(++last_id_);
    std::string frame;
    if (protocol::append_frame(frame, call)) send(frame);
  }

  bool accept(std::string_view bytes) override {
    reader_.append(bytes);
    for (protocol::Reply reply;;) {
      const auto is_whole = reader_.next(reply);
      if (!is_whole) return false;
      if (!*is_whole) return true;
      const auto call = calls_.find(reply.id());
      if (call == calls_.end()) continue;  // its caller went away
      const std::shared_ptr<CallState> state = call->second;
      if (state->replies.size() >= kMaxQueuedReplies) return false;
      const bool is_last = ends_call(reply, *state);
      state->replies.push(std::move(reply));
      if (!is_last) continue;
      state->replies.close();
      calls_.erase(call);
    }
  }

  void conclude(const std::string& reason) override {
    has_ended_ = true;
    end_message_ = is_stopping_
                       ? fmt::format("the engine of model '{}' was stopped", model_name_)
                       : fmt::format("the engine of model '{}' ended unexpectedly ({})", model_name_, reason);
    for (const auto& [id, state] : std::exchange(calls_, {}))
      fail(*state, Error(ErrorCode::kUnavailable, end_message_));
    if (const auto callback = std::exchange(on_end_, nullptr)) callback();
  }

  const Executor executor_;
  const std::string model_name_;
  const protocol::Open open_;
  protocol::FrameReader reader_;
  std::map<uint64_t, std::shared_ptr<CallState>> calls_;
  uint64_t last_id_ = 0;
  bool is_stopping_ = false;
  bool has_ended_ = false;
  std::string end_message_;
  std::function<void()> on_end_;
};

class ProcessCall final : public EngineCall {
 public:
  ProcessCall(std::shared_ptr<Process> process, std::shared_ptr<CallState> state)
      : process_(std::move(process)), state_(std::move(state)) {}
  ProcessCall(const ProcessCall&) = delete;
  ProcessCall& operator=(const ProcessCall&) = delete;
  ~ProcessCall() override {
    process_->send_cancel(state_->id);
    process_->forget(state_->id);
  }

  Task<std::optional<protocol::Reply>> next() override {
    const std::shared_ptr<CallState> state = state_;  // which the caller may let go of meanwhile
    co_return co_await state->replies.next();
  }

  void cancel() override { process_->send_cancel(state_->id); }

 private:
  std::shared_ptr<Process> process_;
  std::shared_ptr<CallState> state_;
};

// A front that wrote a frame which does not parse would break the connection for everybody.
bool can_be_read(std::string_view frame) {
  protocol::FrameReader reader;
  reader.append(frame);
  protocol::Call call;
  const auto is_whole = reader.next(call);
  return is_whole && *is_whole;
}

std::unique_ptr<EngineCall> Process::begin(protocol::Call call, UniqueDescriptor file) {
  const auto state = std::make_shared<CallState>(executor_, ++last_id_);
  call.set_id(state->id);
  if (call.has_generate()) state->n_answers = std::max(call.generate().n(), uint32_t{1});
  auto made = std::make_unique<ProcessCall>(std::static_pointer_cast<Process>(shared_from_this()), state);
  std::string frame;
  if (has_ended_ || has_hung_up()) {
    const std::string message =
        has_ended_ ? end_message_ : fmt::format("the engine of model '{}' has ended", model_name_);
    fail(*state, Error(ErrorCode::kUnavailable, message));
  } else if (const auto framed = protocol::append_frame(frame, call); !framed) {
    fail(*state, framed.error());
  } else if (!can_be_read(frame)) {
    fail(*state, Error(ErrorCode::kInvalidArgument, "expected texts in UTF-8, found bytes that are none"));
  } else {
    calls_.emplace(state->id, state);
    send(frame, std::move(file));
  }
  return made;
}

}  // namespace

Result<std::shared_ptr<EngineProcess>> EngineProcess::start(const Executor& executor,
                                                            const std::string& executable,
                                                            const std::string& model_name, ModelFiles files) {
  protocol::Open open;
  open.set_path(files.name);
  open.set_chat_template(files.chat_template);
  std::vector<int> descriptors;
  for (const ModelFiles::File& file : files.files) {
    protocol::Open::File& described = *open.add_files();
    described.set_path(file.name);
    described.set_descriptor(kFirstFileDescriptor + open.files_size() - 1);
    descriptors.push_back(file.descriptor.get());
  }
  if (files.output >= 0) descriptors.push_back(files.output);
  HEARTH_ASSIGN(StartedChild child, start_child(executable, {"hearth", "engine-process", model_name},
                                                engine_environment(), descriptors));
  const auto process = std::make_shared<Process>(executor, model_name, std::move(child), std::move(open));
  process->listen();
  return std::shared_ptr<EngineProcess>(process);
}

Task<Result<protocol::Reply>> only_reply(EngineCall& call) {
  std::function<void(const protocol::Progress&)> nobody;
  return only_reply(call, std::move(nobody));
}

Task<Result<protocol::Reply>> only_reply(EngineCall& call,
                                         std::function<void(const protocol::Progress&)> on_progress) {
  while (true) {
    std::optional<protocol::Reply> reply = co_await call.next();
    if (!reply) co_return Error(ErrorCode::kUnavailable, "the engine did not answer");
    if (reply->has_failure()) co_return protocol::error_of(reply->failure());
    if (reply->has_progress() && on_progress) on_progress(reply->progress());
    if (reply->has_progress() || reply->has_accepted()) continue;
    co_return std::move(*reply);
  }
}

}  // namespace hearth::server
