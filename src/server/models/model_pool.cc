#include "server/models/model_pool.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "server/models/model_pool_state.h"

namespace hearth::server {

using namespace pool;

namespace {

// After a second death in a row an engine is not started again at once.
constexpr double kFirstPauseS = 1.0;
constexpr double kLongestPauseS = 60.0;
// A model that has lived for so long begins with a clean record.
constexpr Seconds kGoodLife{60.0};
// Longer than any timer needs, and shorter than clocks overflow.
constexpr Seconds kLongestKeepAlive{365.0 * 24 * 3600};

// One more for as long as it exists.
class Counted {
 public:
  explicit Counted(size_t& count) : count_(count) { ++count_; }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --count_; }

 private:
  size_t& count_;
};

}  // namespace

namespace {

template <typename Owner>
class PoolLease final : public EngineLease {
 public:
  PoolLease(std::shared_ptr<Owner> owner, std::shared_ptr<Loaded> loaded, Seconds load_duration)
      : owner_(std::move(owner)), loaded_(std::move(loaded)), load_duration_(load_duration) {}
  PoolLease(const PoolLease&) = delete;
  PoolLease& operator=(const PoolLease&) = delete;
  ~PoolLease() override {
    try {
      owner_->release(loaded_);
    } catch (...) {
      // Setting the timer of its time to live failed: the model stays until somebody needs its place.
    }
  }

  const CatalogEntry& entry() const override { return loaded_->entry; }
  const protocol::Opened& description() const override { return loaded_->description; }
  Seconds load_duration() const override { return load_duration_; }
  std::unique_ptr<EngineCall> call(protocol::Call call) override {
    if (call.has_generate()) call.mutable_generate()->set_adapter(loaded_->adapter_id);
    if (call.has_embed()) call.mutable_embed()->set_adapter(loaded_->adapter_id);
    return loaded_->engine->process->call(std::move(call));
  }

 private:
  std::shared_ptr<Owner> owner_;
  std::shared_ptr<Loaded> loaded_;
  Seconds load_duration_;
};

}  // namespace

bool ModelPool::State::suffices(const Loaded& loaded, const CatalogEntry& entry, const LoadWish& wish) const {
  return loaded.entry.digest == entry.digest && loaded.engine->suffices(wish.context_tokens.value_or(0));
}

Task<Result<std::unique_ptr<EngineLease>>> ModelPool::State::acquire(CatalogEntry entry, LoadWish wish) {
  const auto self = shared_from_this();
  std::shared_ptr<Load> awaited;
  while (true) {
    if (is_closed_) co_return Error(ErrorCode::kUnavailable, "the server is shutting down");
    if (awaited && awaited->is_done && awaited->error) co_return *awaited->error;
    const auto found = loaded_.find(entry.name);
    if (found != loaded_.end()) {
      const std::shared_ptr<Loaded> loaded = found->second;
      if (!loaded->is_closing && suffices(*loaded, entry, wish))
        co_return lease(loaded, wish, awaited ? awaited->duration : Seconds(0));
      close_when_idle(loaded);
      if (!loaded_.contains(entry.name)) continue;
    } else if (const auto load = loads_.find(entry.name); load != loads_.end()) {
      awaited = load->second;
    } else {
      if (auto pause = pause_of(entry.name)) co_return *std::move(pause);
      awaited = begin_load(entry, wish);
    }
    if (n_waiting_ >= options_.max_waiting) {
      co_return make_error(ErrorCode::kUnavailable,
                           "{} requests wait for models to be loaded already; try again later", n_waiting_);
    }
    const Counted waiting(n_waiting_);
    co_await monitor_.changed();
  }
}

std::unique_ptr<EngineLease> ModelPool::State::lease(const std::shared_ptr<Loaded>& loaded,
                                                     const LoadWish& wish, Seconds load_duration) {
  ++loaded->n_leases;
  loaded->expires_at.reset();
  if (loaded->expiry) loaded->expiry->cancel();
  loaded->last_used = now();
  loaded->keep_alive = wish.keep_alive.value_or(options_.keep_alive);
  return std::make_unique<PoolLease<State>>(shared_from_this(), loaded, load_duration);
}

void ModelPool::State::release(const std::shared_ptr<Loaded>& loaded) {
  loaded->last_used = now();
  if (--loaded->n_leases > 0) return;
  if (loaded->is_closing || loaded->keep_alive == Seconds(0)) {
    close_when_idle(loaded);
  } else {
    arm_expiry(loaded);
  }
  monitor_.notify_all();  // it can be unloaded now
}

void ModelPool::State::arm_expiry(const std::shared_ptr<Loaded>& loaded) {
  if (loaded->keep_alive < Seconds(0)) return;
  const Seconds keep = std::min(loaded->keep_alive, kLongestKeepAlive);
  loaded->expires_at =
      std::chrono::system_clock::now() + std::chrono::duration_cast<WallTime::duration>(keep);
  // Setting it again ends the wait before.
  if (!loaded->expiry) loaded->expiry.emplace(executor_);
  loaded->expiry->expires_after(duration_of(keep));
  loaded->expiry->async_wait(
      [weak = weak_from_this(), weak_loaded = std::weak_ptr(loaded)](const boost::system::error_code& error) {
        const auto self = weak.lock();
        const auto idle = weak_loaded.lock();
        if (!error && self && idle && idle->n_leases == 0) self->close_when_idle(idle);
      });
}

std::optional<Error> ModelPool::State::pause_of(const std::string& name) const {
  const auto record = records_.find(name);
  if (record == records_.end() || now() >= record->second.not_before) return std::nullopt;
  const Seconds left = record->second.not_before - now();
  return make_error(
      ErrorCode::kUnavailable,
      "the engine of model '{}' ended unexpectedly {} times in a row; it is started again in {:.0f} s", name,
      record->second.n_deaths, std::ceil(left.count()));
}

// The models of an engine that ended by itself are not loaded any more.
void ModelPool::State::note_end(const SharedEngine& engine) {
  engines_->forget(engine);
  for (const std::shared_ptr<Loaded>& loaded : users_of(engine)) {
    const std::string name = loaded->entry.name;
    if (now() - loaded->loaded_at > kGoodLife) records_[name].n_deaths = 0;
    if (loaded->expiry) loaded->expiry->cancel();
    loaded_.erase(name);
    note_death(name);
  }
  monitor_.notify_all();
}

void ModelPool::State::note_death(const std::string& name) {
  Record& record = records_[name];
  ++record.n_deaths;
  const double pause =
      record.n_deaths < 2 ? 0.0 : kFirstPauseS * std::exp2(std::min(record.n_deaths - 2, 16));
  record.not_before = now() + duration_of(Seconds(std::min(pause, kLongestPauseS)));
}

void ModelPool::State::close_when_idle(const std::shared_ptr<Loaded>& loaded) {
  loaded->is_closing = true;
  if (loaded->n_leases == 0) end(loaded);
}

void ModelPool::State::end(const std::shared_ptr<Loaded>& loaded) {
  const auto found = loaded_.find(loaded->entry.name);
  if (found == loaded_.end() || found->second != loaded) return;
  loaded_.erase(found);
  if (loaded->expiry) loaded->expiry->cancel();
  // It has done its work.
  records_.erase(loaded->entry.name);
  engines_->leave(loaded->engine, loaded->adapter_id);
}

std::vector<std::shared_ptr<Loaded>> ModelPool::State::users_of(const SharedEngine& engine) const {
  std::vector<std::shared_ptr<Loaded>> users;
  for (const auto& [name, loaded] : loaded_) {
    if (loaded->engine.get() == &engine) users.push_back(loaded);
  }
  return users;
}

bool ModelPool::State::unload(const std::string& name) {
  if (const auto load = loads_.find(name); load != loads_.end()) {
    load->second->is_unwanted = true;
    monitor_.notify_all();
    return true;
  }
  const auto found = loaded_.find(name);
  if (found == loaded_.end()) return false;
  close_when_idle(std::shared_ptr<Loaded>(found->second));
  return true;
}

// The memory of an engine is told of once, so that sums are true: with the first of its models that has no
// adapter, else with the first.
std::vector<RunningModel> ModelPool::State::running() const {
  std::map<const SharedEngine*, const Loaded*> bearers;
  for (const auto& [name, loaded] : loaded_) {
    const Loaded*& bearer = bearers[loaded->engine.get()];
    if (bearer == nullptr || (loaded->adapter_id.empty() && !bearer->adapter_id.empty()))
      bearer = loaded.get();
  }
  std::vector<RunningModel> models;
  for (const auto& [name, loaded] : loaded_) {
    const SharedEngine& engine = *loaded->engine;
    RunningModel model{loaded->entry, loaded->description, loaded->expires_at, loaded->n_leases};
    protocol::Memory& memory = *model.description.mutable_memory();
    if (bearers.at(&engine) != loaded.get()) memory.Clear();
    const auto adapter = engine.adapters.find(loaded->adapter_id);
    if (adapter != engine.adapters.end())
      memory.set_adapters_bytes(static_cast<int64_t>(adapter->second.size_bytes));
    models.push_back(std::move(model));
  }
  return models;
}

std::vector<LoadingModel> ModelPool::State::loading() const {
  std::vector<LoadingModel> models;
  for (const auto& [name, load] : loads_) models.push_back(load->progress);
  return models;
}

const protocol::Opened* ModelPool::State::description(const CatalogEntry& entry) const {
  const auto found = loaded_.find(entry.name);
  if (found == loaded_.end() || found->second->entry.digest != entry.digest) return nullptr;
  return &found->second->description;
}

void ModelPool::State::close() {
  is_closed_ = true;
  for (const auto& [name, loaded] : std::map(loaded_)) end(loaded);
  engines_->stop_all();  // those of loads
  monitor_.notify_all();
}

ModelPool::ModelPool(const Executor& executor, ModelPoolOptions options)
    : state_(std::make_shared<State>(executor, std::move(options))) {}

ModelPool::~ModelPool() {
  try {
    state_->close();
  } catch (...) {
    // What was not told to end ends with this process, whose end of the socket closes.
  }
}

Task<Result<std::unique_ptr<EngineLease>>> ModelPool::acquire(CatalogEntry entry, LoadWish wish) {
  return state_->acquire(std::move(entry), wish);
}

bool ModelPool::unload(const std::string& name) {
  return state_->unload(name);
}

std::vector<RunningModel> ModelPool::running() const {
  return state_->running();
}

std::vector<LoadingModel> ModelPool::loading() const {
  return state_->loading();
}

const protocol::Opened* ModelPool::description(const CatalogEntry& entry) const {
  return state_->description(entry);
}

Task<void> ModelPool::shut_down() {
  const std::shared_ptr<State> state = state_;
  state->close();
  while (!state->is_empty()) co_await state->changed();
}

}  // namespace hearth::server
