#include "server/models/model_pool.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "server/models/engine_process.h"
#include "server/models/memory.h"
#include "server/models/memory_budget.h"
#include "server/models/monitor.h"
#include "server/models/stall_guard.h"

namespace hearth::server {
namespace {

namespace asio = boost::asio;
using SteadyTime = std::chrono::steady_clock::time_point;

// After a second death in a row an engine is not started again at once.
constexpr double kFirstPauseS = 1.0;
constexpr double kLongestPauseS = 60.0;
// A model that has lived for so long begins with a clean record.
constexpr Seconds kGoodLife{60.0};
// Longer than any timer needs, and shorter than clocks overflow.
constexpr Seconds kLongestKeepAlive{365.0 * 24 * 3600};

SteadyTime now() {
  return std::chrono::steady_clock::now();
}

std::chrono::steady_clock::duration duration_of(Seconds seconds) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(seconds);
}

// A model that is loaded.
struct Loaded {
  CatalogEntry entry;
  std::shared_ptr<EngineProcess> process;
  protocol::Opened description;
  Seconds load_duration{};
  Seconds keep_alive{};
  int64_t n_leases = 0;
  bool is_closing = false;  // no new leases; it ends with the last one
  std::optional<WallTime> expires_at;
  SteadyTime loaded_at;
  SteadyTime last_used;
  std::optional<asio::steady_timer> expiry;
};

// A load under way, which those who want the model wait for. It goes on without them.
struct Load {
  // Gets further, or begins with something else.
  void reach(std::string stage, uint64_t completed_bytes, uint64_t total_bytes) {
    progress.stage = std::move(stage);
    progress.completed_bytes = completed_bytes;
    progress.total_bytes = total_bytes;
    if (guard) guard->touch();
  }

  LoadingModel progress;
  SteadyTime began;
  std::optional<StallGuard> guard;
  std::shared_ptr<EngineProcess> process;
  std::optional<protocol::Memory> promised;  // once memory was found for it
  Seconds duration{};
  bool is_done = false;
  bool is_unwanted = false;  // unloaded while it was loading
  std::optional<Error> error;
};

struct Record {
  int n_deaths = 0;  // in a row
  SteadyTime not_before{};
};

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

// An engine that was told to end and still has its memory.
struct Ending {
  std::shared_ptr<EngineProcess> process;
  protocol::Memory promised;
};

}  // namespace

class ModelPool::State : public std::enable_shared_from_this<State> {
 public:
  State(const Executor& executor, ModelPoolOptions options)
      : executor_(executor), options_(std::move(options)), monitor_(executor) {
    if (!options_.available_bytes) options_.available_bytes = available_memory_bytes;
  }

  Task<Result<std::unique_ptr<EngineLease>>> acquire(CatalogEntry entry, LoadWish wish);
  void release(const std::shared_ptr<Loaded>& loaded);
  bool unload(const std::string& name);
  std::vector<RunningModel> running() const;
  std::vector<LoadingModel> loading() const;
  const protocol::Opened* description(const CatalogEntry& entry) const;
  void close();
  bool is_empty() const { return loaded_.empty() && loads_.empty() && ending_.empty(); }
  Task<void> changed() { return monitor_.changed(); }

 private:
  bool suffices(const Loaded& loaded, const CatalogEntry& entry, const LoadWish& wish) const;
  std::unique_ptr<EngineLease> lease(const std::shared_ptr<Loaded>& loaded, const LoadWish& wish,
                                     Seconds load_duration);
  std::shared_ptr<Load> begin_load(const CatalogEntry& entry, const LoadWish& wish);
  Task<void> run_load(std::shared_ptr<Load> load);
  Task<Result<protocol::Opened>> open_and_start(std::shared_ptr<Load> load);
  static Task<Result<protocol::Reply>> reply_of_load(const std::shared_ptr<Load>& load, EngineCall& call);
  Task<Result<void>> find_memory(std::shared_ptr<Load> load, const protocol::Opened& opened);
  void finish_load(const std::shared_ptr<Load>& load, Result<protocol::Opened> opened);
  void give_up(const std::shared_ptr<Load>& load);
  std::optional<Error> pause_of(const std::string& name) const;

  void close_when_idle(const std::shared_ptr<Loaded>& loaded);
  void end(const std::shared_ptr<Loaded>& loaded);
  void end_process(const std::shared_ptr<EngineProcess>& process, const protocol::Memory& promised);
  void note_death(const std::string& name, const EngineProcess* process);
  void arm_expiry(const std::shared_ptr<Loaded>& loaded);
  void evict_one();
  size_t n_claims() const;
  std::vector<MemoryClaim> claims() const;
  uint64_t room() const;
  uint64_t room_alone() const;

  const Executor executor_;
  ModelPoolOptions options_;
  Monitor monitor_;
  std::map<std::string, std::shared_ptr<Loaded>> loaded_;  // by the entry's name
  std::map<std::string, std::shared_ptr<Load>> loads_;
  std::map<std::string, Record> records_;
  std::vector<Ending> ending_;
  size_t n_waiting_ = 0;
  bool is_closed_ = false;
};

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
    return loaded_->process->call(std::move(call));
  }

 private:
  std::shared_ptr<Owner> owner_;
  std::shared_ptr<Loaded> loaded_;
  Seconds load_duration_;
};

}  // namespace

bool ModelPool::State::suffices(const Loaded& loaded, const CatalogEntry& entry, const LoadWish& wish) const {
  if (loaded.entry.digest != entry.digest) return false;
  const int64_t has = loaded.description.context_tokens();
  return wish.context_tokens.value_or(0) <= has || has >= loaded.description.trained_context_tokens();
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

std::shared_ptr<Load> ModelPool::State::begin_load(const CatalogEntry& entry, const LoadWish& wish) {
  auto load = std::make_shared<Load>();
  load->progress.entry = entry;
  load->progress.context_tokens = std::max(wish.context_tokens.value_or(0), options_.start.context_tokens());
  load->progress.keep_alive = wish.keep_alive.value_or(options_.keep_alive);
  load->began = now();
  load->guard.emplace(executor_, options_.load_timeout,
                      [weak = weak_from_this(), weak_load = std::weak_ptr(load)] {
                        const auto self = weak.lock();
                        const auto stalled = weak_load.lock();
                        if (self && stalled) self->give_up(stalled);
                      });
  loads_.emplace(entry.name, load);
  asio::co_spawn(
      executor_, [self = shared_from_this(), load] { return self->run_load(load); }, asio::detached);
  return load;
}

Task<void> ModelPool::State::run_load(std::shared_ptr<Load> load) {
  const auto self = shared_from_this();
  Result<protocol::Opened> opened = co_await open_and_start(load);
  if (!load->is_done) finish_load(load, std::move(opened));
}

// What hangs cannot be told to end: its process is killed, and who waits is told now.
void ModelPool::State::give_up(const std::shared_ptr<Load>& load) {
  if (load->is_done) return;
  const LoadingModel& at = load->progress;
  const std::string how_far =
      at.total_bytes == 0 ? "" : fmt::format(" ({} of {} bytes)", at.completed_bytes, at.total_bytes);
  finish_load(load, make_error(ErrorCode::kUnavailable,
                               "model '{}': loading was given up, since it got no further for {:.4g} s while "
                               "{}{} (--load-timeout)",
                               at.entry.name, options_.load_timeout.count(), at.stage, how_far));
}

Task<Result<protocol::Opened>> ModelPool::State::open_and_start(std::shared_ptr<Load> load) {
  const CatalogEntry& entry = load->progress.entry;
  load->reach("opening", 0, 0);
  if (is_closed_) co_return Error(ErrorCode::kUnavailable, "the server is shutting down");
  if (options_.check) {
    load->reach("verifying", 0, 0);
    CatalogEntry checked = entry;
    // Told by a thread of the store's, which must not be the last to hold the load.
    OnBytesChecked on_bytes = [weak = std::weak_ptr(load)](uint64_t completed, uint64_t total) {
      if (const auto checking = weak.lock()) checking->reach("verifying", completed, total);
    };
    const Result<void> is_good = co_await options_.check(std::move(checked), std::move(on_bytes));
    if (!is_good) co_return is_good.error();
    if (load->is_done) co_return *load->error;  // given up meanwhile
    load->reach("opening", 0, 0);
  }
  auto files = open_model_files(entry);
  if (!files) co_return files.error();
  auto process = EngineProcess::start(executor_, options_.executable, entry.name, std::move(*files));
  if (!process) co_return process.error();
  load->process = *process;

  protocol::StartOptions start = options_.start;
  start.set_context_tokens(load->progress.context_tokens);
  const auto opening = load->process->call(load->process->open_call(start));
  Result<protocol::Reply> opened = co_await reply_of_load(load, *opening);
  if (!opened) co_return opened.error();
  if (load->is_done) co_return *load->error;  // given up while the answer was on its way
  load->progress.description = opened->opened();

  load->reach("waiting for memory", 0, total_bytes(opened->opened().memory()));
  load->guard->pause();  // for the answers of others, however long they are
  const Result<void> has_memory = co_await find_memory(load, opened->opened());
  if (!has_memory) co_return has_memory.error();

  load->reach("starting", 0, 0);
  protocol::Call call;
  *call.mutable_start()->mutable_options() = start;
  const auto starting = load->process->call(std::move(call));
  const Result<protocol::Reply> started = co_await reply_of_load(load, *starting);
  if (!started) co_return started.error();
  co_return std::move(*opened->mutable_opened());
}

Task<Result<protocol::Reply>> ModelPool::State::reply_of_load(const std::shared_ptr<Load>& load,
                                                              EngineCall& call) {
  std::function<void(const protocol::Progress&)> on_progress = [load](const protocol::Progress& progress) {
    load->reach(progress.stage(), progress.completed(), progress.total());
  };
  return only_reply(call, std::move(on_progress));
}

Task<Result<void>> ModelPool::State::find_memory(std::shared_ptr<Load> load, const protocol::Opened& opened) {
  const std::string& name = load->progress.entry.name;
  const uint64_t need = total_bytes(opened.memory());
  while (true) {
    if (is_closed_ || load->is_unwanted)
      co_return make_error(ErrorCode::kUnavailable, "model '{}' was unloaded while it was loading", name);
    const bool has_place = options_.max_loaded == 0 || n_claims() < options_.max_loaded;
    if (has_place && need <= room()) break;
    // Nobody is sent away for a model that will not fit even then.
    if (n_claims() == 0 || need > room_alone()) {
      co_return Error(ErrorCode::kResourceExhausted,
                      shortage_message(name, opened, room_alone(), options_.memory_bytes));
    }
    // The end of one that is idle, or else of the work of another.
    if (ending_.empty()) evict_one();
    co_await monitor_.changed();
  }
  load->promised = opened.memory();
  co_return Result<void>();
}

void ModelPool::State::finish_load(const std::shared_ptr<Load>& load, Result<protocol::Opened> opened) {
  const CatalogEntry& entry = load->progress.entry;
  const Seconds took = now() - load->began;
  loads_.erase(entry.name);
  load->guard.reset();
  load->is_done = true;
  load->duration = took;
  const bool is_wanted = !is_closed_ && !load->is_unwanted;
  if (!opened) {
    load->error = opened.error();
    if (load->process) {
      if (load->process->has_failed()) note_death(entry.name, nullptr);
      end_process(load->process, load->promised.value_or(protocol::Memory()));
    }
  } else if (!is_wanted) {
    load->error =
        make_error(ErrorCode::kUnavailable, "model '{}' was unloaded while it was loading", entry.name);
    end_process(load->process, *load->promised);
  } else {
    auto loaded = std::make_shared<Loaded>();
    loaded->entry = entry;
    loaded->process = load->process;
    loaded->description = std::move(*opened);
    loaded->load_duration = took;
    loaded->keep_alive = load->progress.keep_alive;
    loaded->loaded_at = loaded->last_used = now();
    loaded_[entry.name] = loaded;
    loaded->process->on_end([weak = weak_from_this(), name = entry.name, process = loaded->process.get()] {
      if (const auto self = weak.lock()) self->note_death(name, process);
    });
    // Who asked for it may have gone away meanwhile.
    if (loaded->keep_alive == Seconds(0)) loaded->keep_alive = Seconds(1);
    arm_expiry(loaded);
  }
  monitor_.notify_all();
}

void ModelPool::State::note_death(const std::string& name, const EngineProcess* process) {
  Record& record = records_[name];
  const auto found = loaded_.find(name);
  if (process != nullptr && found != loaded_.end() && found->second->process.get() == process) {
    if (now() - found->second->loaded_at > kGoodLife) record.n_deaths = 0;
    if (found->second->expiry) found->second->expiry->cancel();
    loaded_.erase(found);
  }
  ++record.n_deaths;
  const double pause =
      record.n_deaths < 2 ? 0.0 : kFirstPauseS * std::exp2(std::min(record.n_deaths - 2, 16));
  record.not_before = now() + duration_of(Seconds(std::min(pause, kLongestPauseS)));
  monitor_.notify_all();
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
  end_process(loaded->process, loaded->description.memory());
}

void ModelPool::State::end_process(const std::shared_ptr<EngineProcess>& process,
                                   const protocol::Memory& promised) {
  if (process->has_ended()) return monitor_.notify_all();
  ending_.push_back({process, promised});
  process->on_end([weak = weak_from_this(), ended = process.get()] {
    const auto self = weak.lock();
    if (!self) return;
    std::erase_if(self->ending_, [&](const Ending& ending) { return ending.process.get() == ended; });
    self->monitor_.notify_all();
  });
  process->stop();
}

// The idle one that was used longest ago, if there is one.
void ModelPool::State::evict_one() {
  std::shared_ptr<Loaded> oldest;
  for (const auto& [name, loaded] : loaded_) {
    if (loaded->n_leases == 0 && (!oldest || loaded->last_used < oldest->last_used)) oldest = loaded;
  }
  if (oldest) close_when_idle(oldest);
}

size_t ModelPool::State::n_claims() const {
  const auto n_starting = std::count_if(loads_.begin(), loads_.end(),
                                        [](const auto& load) { return load.second->promised.has_value(); });
  return loaded_.size() + static_cast<size_t>(n_starting) + ending_.size();
}

std::vector<MemoryClaim> ModelPool::State::claims() const {
  std::vector<MemoryClaim> claims;
  const auto claim = [&](const EngineProcess& process, const protocol::Memory& promised) {
    claims.push_back({promised, private_memory_bytes(process.pid())});
  };
  for (const auto& [name, loaded] : loaded_) claim(*loaded->process, loaded->description.memory());
  for (const auto& [name, load] : loads_) {
    if (load->promised) claim(*load->process, *load->promised);
  }
  for (const Ending& ending : ending_) claim(*ending.process, ending.promised);
  return claims;
}

uint64_t ModelPool::State::room() const {
  return room_for_models(options_.available_bytes(), options_.memory_bytes, claims());
}

// If all others were gone.
uint64_t ModelPool::State::room_alone() const {
  uint64_t available = options_.available_bytes();
  for (const MemoryClaim& claim : claims()) available += claim.private_bytes;
  return room_for_models(available, options_.memory_bytes, {});
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

std::vector<RunningModel> ModelPool::State::running() const {
  std::vector<RunningModel> models;
  for (const auto& [name, loaded] : loaded_)
    models.push_back({loaded->entry, loaded->description, loaded->expires_at, loaded->n_leases});
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
  for (const auto& [name, load] : loads_) {
    if (load->process) load->process->stop();
  }
  for (const auto& [name, loaded] : std::map(loaded_)) end(loaded);
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
