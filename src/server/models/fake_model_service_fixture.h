// Models that are scripts: what the tests of the APIs put in the place of engines.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "server/async/queue.h"
#include "server/models/model_service.h"

namespace hearth::server {

struct FakeModel {
  CatalogEntry entry;
  protocol::Opened opened;
  protocol::Inspection inspection;
  bool loaded = false;
  std::optional<LoadingModel> loading;                                        // its entry is filled in
  Seconds load_duration{0.25};                                                // of the first acquire
  std::optional<Error> acquire_error;                                         // what acquire() gives instead
  std::optional<WallTime> expires_at;                                         // while it is loaded
  std::vector<protocol::Reply> replies;                                       // to every call ...
  std::function<std::vector<protocol::Reply>(const protocol::Call&)> answer;  // ... or what this gives
  bool hangs = false;                  // a call does not end after its replies, until it is cancelled
  std::function<void()> when_hanging;  // called when somebody waits for a reply that does not come
};

// What the service was asked for, in its order.
struct FakeModelLog {
  std::vector<std::pair<std::string, LoadWish>> acquired;
  std::vector<protocol::Call> calls;
  std::vector<std::string> unloaded;
  int n_cancelled = 0;  // calls ended by cancel()
  int n_open = 0;       // calls that exist
  int n_leases = 0;     // leases that exist
};

class FakeEngineCall : public EngineCall {
 public:
  FakeEngineCall(const Executor& executor, FakeModel& model, FakeModelLog& log, const protocol::Call& call)
      : model_(model), log_(log), replies_(executor) {
    ++log_.n_open;
    for (protocol::Reply reply : model.answer ? model.answer(call) : model.replies) {
      reply.set_id(call.id());
      replies_.push(std::move(reply));
    }
    if (!model.hangs) replies_.close();
  }
  FakeEngineCall(const FakeEngineCall&) = delete;
  FakeEngineCall& operator=(const FakeEngineCall&) = delete;
  ~FakeEngineCall() override { --log_.n_open; }

  Task<std::optional<protocol::Reply>> next() override {
    if (replies_.size() == 0 && !replies_.closed() && model_.when_hanging) model_.when_hanging();
    co_return co_await replies_.next();
  }
  void cancel() override {
    if (cancelled_) return;
    cancelled_ = true;
    ++log_.n_cancelled;
    protocol::Reply last;
    last.mutable_finished()->set_reason(protocol::Finished::CANCELLED);
    replies_.push(std::move(last));
    replies_.close();
  }

 private:
  FakeModel& model_;
  FakeModelLog& log_;
  Queue<protocol::Reply> replies_;
  bool cancelled_ = false;
};

class FakeEngineLease : public EngineLease {
 public:
  FakeEngineLease(Executor executor, FakeModel& model, FakeModelLog& log, Seconds load_duration)
      : executor_(std::move(executor)), model_(model), log_(log), load_duration_(load_duration) {
    ++log_.n_leases;
  }
  FakeEngineLease(const FakeEngineLease&) = delete;
  FakeEngineLease& operator=(const FakeEngineLease&) = delete;
  ~FakeEngineLease() override { --log_.n_leases; }

  const CatalogEntry& entry() const override { return model_.entry; }
  const protocol::Opened& description() const override { return model_.opened; }
  Seconds load_duration() const override { return load_duration_; }
  std::unique_ptr<EngineCall> call(protocol::Call call) override {
    call.set_id(log_.calls.size() + 1);
    log_.calls.push_back(call);
    return std::make_unique<FakeEngineCall>(executor_, model_, log_, call);
  }

 private:
  Executor executor_;
  FakeModel& model_;
  FakeModelLog& log_;
  Seconds load_duration_;
};

class FakeModelService : public ModelService {
 public:
  explicit FakeModelService(Executor executor) : executor_(std::move(executor)) {}

  // What describe_entry was asked for, and says of each.
  std::vector<CatalogEntry> described_entries;
  std::optional<Error> quantize_error;
  Result<protocol::Opened> entry_description = Error(ErrorCode::kMalformed, "model.gguf: it is none");

  // "tiny:latest", say. The model can chat, and answers every call with what `replies` is then given.
  FakeModel& add(const std::string& name) {
    FakeModel& model = models_[name];
    model.entry = {.name = name,
                   .path = "/models/" + name + ".gguf",
                   .digest = std::string(64, 'a'),
                   .size_bytes = 1'234'567,
                   .modified_at = WallTime(std::chrono::seconds(1'700'000'000)),
                   .stored = nullptr};
    model.opened.set_format("gguf");
    model.opened.set_architecture("llama");
    model.opened.set_n_parameters(1'100'000'000);
    model.opened.set_quantisation("Q4_K_M");
    model.opened.set_trained_context_tokens(8192);
    model.opened.set_context_tokens(4096);
    model.opened.set_embedding_length(2048);
    model.opened.set_vocabulary_size(32000);
    model.opened.set_chat_template("{{ messages }}");
    model.opened.set_chat_format("the model's template");
    model.opened.mutable_memory()->set_weights_bytes(1'000'000);
    model.opened.mutable_memory()->set_kv_bytes(200'000);
    model.opened.mutable_memory()->set_work_bytes(30'000);
    return model;
  }
  FakeModelLog& log() { return log_; }

  std::vector<CatalogEntry> catalog() override {
    std::vector<CatalogEntry> entries;
    for (const auto& [name, model] : models_) entries.push_back(model.entry);
    return entries;
  }
  Result<CatalogEntry> find(std::string_view name) override {
    if (const FakeModel* model = look_up(name)) return model->entry;
    return not_found(name);
  }
  std::vector<RunningModel> running() const override {
    std::vector<RunningModel> running;
    for (const auto& [name, model] : models_) {
      if (model.loaded) running.push_back({model.entry, model.opened, model.expires_at, 0});
    }
    return running;
  }
  std::vector<LoadingModel> loading() const override {
    std::vector<LoadingModel> loading;
    for (const auto& [name, model] : models_) {
      if (!model.loading) continue;
      loading.push_back(*model.loading);
      loading.back().entry = model.entry;
    }
    return loading;
  }
  Task<Result<std::unique_ptr<EngineLease>>> acquire(std::string name, LoadWish wish) override {
    log_.acquired.emplace_back(name, wish);
    FakeModel* model = look_up(name);
    if (model == nullptr) co_return not_found(name);
    if (model->acquire_error) co_return *model->acquire_error;
    const Seconds load_duration = model->loaded ? Seconds(0) : model->load_duration;
    model->loaded = true;
    if (wish.context_tokens) model->opened.set_context_tokens(*wish.context_tokens);
    std::unique_ptr<EngineLease> lease =
        std::make_unique<FakeEngineLease>(executor_, *model, log_, load_duration);
    co_return lease;
  }
  Task<Result<protocol::Opened>> describe(std::string name) override {
    const FakeModel* model = look_up(name);
    if (model == nullptr) co_return not_found(name);
    co_return model->opened;
  }
  Task<Result<protocol::Inspection>> inspect(std::string name, bool /*verbose*/) override {
    const FakeModel* model = look_up(name);
    if (model == nullptr) co_return not_found(name);
    co_return model->inspection;
  }
  Task<Result<protocol::Opened>> describe_entry(CatalogEntry entry) override {
    described_entries.push_back(entry);
    co_return entry_description;
  }
  // Writes "quantised to SCHEME" to the output, half of it told before.
  Task<Result<std::string>> quantize(CatalogEntry entry, QuantizeWish wish) override {
    described_entries.push_back(entry);
    if (quantize_error) co_return *quantize_error;
    protocol::Progress progress;
    progress.set_completed(50);
    progress.set_total(100);
    const bool goes_on = co_await wish.on_progress(progress);
    if (!goes_on) co_return Error(ErrorCode::kCancelled, "nobody waits");
    const std::string text = "quantised to " + wish.scheme;
    EXPECT_EQ(::write(wish.output, text.data(), text.size()), static_cast<ssize_t>(text.size()));
    co_return wish.scheme;
  }
  const protocol::Opened* known_description(const CatalogEntry& /*entry*/) const override { return nullptr; }
  Result<bool> unload(std::string_view name) override {
    FakeModel* model = look_up(name);
    if (model == nullptr) return not_found(name);
    log_.unloaded.emplace_back(name);
    return std::exchange(model->loaded, false);
  }

 private:
  FakeModel* look_up(std::string_view name) {
    std::string wanted(name);
    std::transform(wanted.begin(), wanted.end(), wanted.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (wanted.find(':') == std::string::npos) wanted += ":latest";
    const auto found = models_.find(wanted);
    return found == models_.end() ? nullptr : &found->second;
  }
  static Error not_found(std::string_view name) {
    return make_error(ErrorCode::kNotFound, "model '{}' not found", name);
  }

  Executor executor_;
  std::map<std::string, FakeModel> models_;
  FakeModelLog log_;
};

// --- Replies, for scripts
// -----------------------------------------------------------------------------------

inline protocol::Reply accepted_reply(int64_t n_prompt_tokens, int64_t n_cached_tokens = 0) {
  protocol::Reply reply;
  reply.mutable_accepted()->set_n_prompt_tokens(n_prompt_tokens);
  reply.mutable_accepted()->set_n_cached_tokens(n_cached_tokens);
  return reply;
}

inline protocol::Reply delta_reply(std::string text, protocol::Delta::Kind kind = protocol::Delta::CONTENT,
                                   uint32_t answer = 0) {
  protocol::Reply reply;
  reply.mutable_delta()->set_text(std::move(text));
  reply.mutable_delta()->set_kind(kind);
  reply.mutable_delta()->set_answer(answer);
  return reply;
}

// A part of a call of a tool; `name` in its first part only.
inline protocol::Reply call_reply(uint32_t index, std::string name, std::string arguments, bool is_whole,
                                  uint32_t answer = 0) {
  protocol::Reply reply = delta_reply("", protocol::Delta::TOOL_CALL, answer);
  protocol::ToolCallPart& part = *reply.mutable_delta()->mutable_tool_call();
  part.set_index(index);
  part.set_name(std::move(name));
  part.set_arguments(std::move(arguments));
  part.set_is_whole(is_whole);
  return reply;
}

inline protocol::Reply finished_reply(protocol::Finished::Reason reason, int64_t n_prompt_tokens,
                                      int64_t n_generated_tokens, uint32_t answer = 0) {
  protocol::Reply reply;
  protocol::Finished& finished = *reply.mutable_finished();
  finished.set_answer(answer);
  finished.set_reason(reason);
  finished.set_n_prompt_tokens(n_prompt_tokens);
  finished.set_n_generated_tokens(n_generated_tokens);
  finished.set_prompt_ns(11'000'000);
  finished.set_decode_ns(22'000'000);
  return reply;
}

inline protocol::Reply failure_reply(protocol::Failure::Code code, std::string message) {
  protocol::Reply reply;
  reply.mutable_failure()->set_code(code);
  reply.mutable_failure()->set_message(std::move(message));
  return reply;
}

}  // namespace hearth::server
