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
#include "server/models/shared_engines.h"
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
  std::shared_ptr<SharedEngine> engine;  // of which it is a user
  std::string adapter_id;                // in the engine; empty: none
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
  std::shared_ptr<SharedEngine> engine;  // of which it is a user, once it has one
  std::string adapter_id;                // of which too
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

// What a load waits for.
enum class Lack { kPlace, kMemory };

Error unloaded_while_loading(const std::string& name) {
  return make_error(ErrorCode::kUnavailable, "model '{}' was unloaded while it was loading", name);
}

}  // namespace

class ModelPool::State : public std::enable_shared_from_this<State> {
 public:
  State(const Executor& executor, ModelPoolOptions options)
      : executor_(executor), options_(std::move(options)), monitor_(executor) {
    if (!options_.available_bytes) options_.available_bytes = available_memory_bytes;
    engines_ = std::make_shared<SharedEngines>(options_.available_bytes, options_.memory_bytes,
                                               [this] { monitor_.notify_all(); });
  }

  Task<Result<std::unique_ptr<EngineLease>>> acquire(CatalogEntry entry, LoadWish wish);
  void release(const std::shared_ptr<Loaded>& loaded);
  bool unload(const std::string& name);
  std::vector<RunningModel> running() const;
  std::vector<LoadingModel> loading() const;
  const protocol::Opened* description(const CatalogEntry& entry) const;
  void close();
  bool is_empty() const { return loaded_.empty() && loads_.empty() && engines_->is_empty(); }
  Task<void> changed() { return monitor_.changed(); }

 private:
  bool suffices(const Loaded& loaded, const CatalogEntry& entry, const LoadWish& wish) const;
  std::unique_ptr<EngineLease> lease(const std::shared_ptr<Loaded>& loaded, const LoadWish& wish,
                                     Seconds load_duration);
  std::shared_ptr<Load> begin_load(const CatalogEntry& entry, const LoadWish& wish);
  Task<void> run_load(std::shared_ptr<Load> load);
  Task<Result<void>> find_engine_and_adapter(std::shared_ptr<Load> load);
  Task<Result<void>> find_engine(std::shared_ptr<Load> load, ModelFiles files);
  Task<Result<void>> start_engine(std::shared_ptr<Load> load, ModelFiles files);
  Task<Result<void>> find_adapter(std::shared_ptr<Load> load, AdapterFile file);
  Task<Result<void>> load_adapter(std::shared_ptr<Load> load, AdapterFile file);
  Task<Result<void>> wait_for_another(std::shared_ptr<Load> load, std::string stage);
  static Task<Result<protocol::Reply>> reply_of_load(const std::shared_ptr<Load>& load, EngineCall& call);
  Task<Result<void>> find_memory(std::shared_ptr<Load> load, const protocol::Opened& opened);
  Task<Result<void>> find_adapter_memory(std::shared_ptr<Load> load, uint64_t need);
  void finish_load(const std::shared_ptr<Load>& load, const Result<void>& found);
  void give_up(const std::shared_ptr<Load>& load);
  std::optional<Error> pause_of(const std::string& name) const;

  void close_when_idle(const std::shared_ptr<Loaded>& loaded);
  void end(const std::shared_ptr<Loaded>& loaded);
  void note_death(const std::string& name);
  void note_end(const SharedEngine& engine);
  void arm_expiry(const std::shared_ptr<Loaded>& loaded);
  bool make_room(Lack lack);
  std::vector<std::shared_ptr<Loaded>> users_of(const SharedEngine& engine) const;

  const Executor executor_;
  ModelPoolOptions options_;
  Monitor monitor_;
  std::shared_ptr<SharedEngines> engines_;
  std::map<std::string, std::shared_ptr<Loaded>> loaded_;  // by the entry's name
  std::map<std::string, std::shared_ptr<Load>> loads_;
  std::map<std::string, Record> records_;
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
  const Result<void> found = co_await find_engine_and_adapter(load);
  if (!load->is_done) finish_load(load, found);
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

Task<Result<void>> ModelPool::State::find_engine_and_adapter(std::shared_ptr<Load> load) {
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
  std::optional<AdapterFile> adapter = std::exchange(files->adapter, std::nullopt);
  const Result<void> has_engine = co_await find_engine(load, std::move(*files));
  if (!has_engine) co_return has_engine.error();
  if (!adapter) co_return Result<void>();
  co_return co_await find_adapter(load, std::move(*adapter));
}

// One that has the weights already, or else a new one.
Task<Result<void>> ModelPool::State::find_engine(std::shared_ptr<Load> load, ModelFiles files) {
  while (const auto engine = engines_->find(files.weights_id, load->progress.context_tokens)) {
    if (engine->is_started) {
      ++engine->n_users;
      load->engine = engine;
      load->progress.description = engine->description;
      co_return Result<void>();
    }
    const Result<void> goes_on = co_await wait_for_another(load, "waiting for its weights");
    if (!goes_on) co_return goes_on.error();
  }
  co_return co_await start_engine(load, std::move(files));
}

Task<Result<void>> ModelPool::State::start_engine(std::shared_ptr<Load> load, ModelFiles files) {
  const std::string weights_id = files.weights_id;
  const auto process =
      EngineProcess::start(executor_, options_.executable, load->progress.entry.name, std::move(files));
  if (!process) co_return process.error();
  const auto engine = engines_->add(weights_id, load->progress.context_tokens, *process);
  ++engine->n_users;
  load->engine = engine;

  protocol::StartOptions start = options_.start;
  start.set_context_tokens(load->progress.context_tokens);
  const auto opening = engine->process->call(engine->process->open_call(start));
  Result<protocol::Reply> opened = co_await reply_of_load(load, *opening);
  if (!opened) co_return opened.error();
  if (load->is_done) co_return *load->error;  // given up while the answer was on its way
  engine->description = std::move(*opened->mutable_opened());
  load->progress.description = engine->description;

  const Result<void> has_memory = co_await find_memory(load, *engine->description);
  if (!has_memory) co_return has_memory.error();
  engine->has_memory = true;

  load->reach("starting", 0, 0);
  protocol::Call call;
  *call.mutable_start()->mutable_options() = start;
  const auto starting = engine->process->call(std::move(call));
  const Result<protocol::Reply> started = co_await reply_of_load(load, *starting);
  if (!started) co_return started.error();
  if (load->is_done) co_return *load->error;
  engine->is_started = true;
  engine->process->on_end([weak = weak_from_this(), weak_engine = std::weak_ptr(engine)] {
    const auto self = weak.lock();
    const auto ended = weak_engine.lock();
    if (self && ended) self->note_end(*ended);
  });
  monitor_.notify_all();  // others may wait for the weights
  co_return Result<void>();
}

// One that the engine has already, or else from its file.
Task<Result<void>> ModelPool::State::find_adapter(std::shared_ptr<Load> load, AdapterFile file) {
  SharedEngine& engine = *load->engine;
  for (auto found = engine.adapters.find(file.id); found != engine.adapters.end();
       found = engine.adapters.find(file.id)) {
    if (found->second.is_loaded) {
      ++found->second.n_users;
      load->adapter_id = file.id;
      co_return Result<void>();
    }
    const Result<void> goes_on = co_await wait_for_another(load, "waiting for its adapter");
    if (!goes_on) co_return goes_on.error();
  }
  co_return co_await load_adapter(load, std::move(file));
}

Task<Result<void>> ModelPool::State::load_adapter(std::shared_ptr<Load> load, AdapterFile file) {
  const std::shared_ptr<SharedEngine> engine = load->engine;
  const std::string id = file.id;
  load->adapter_id = id;
  // Its numbers, of two bytes or more, become four. (References to entries of a map stay.)
  SharedEngine::Adapter& adapter = engine->adapters[id];
  adapter = {.size_bytes = 2 * file.size_bytes, .n_users = 1};
  const Result<void> has_memory = co_await find_adapter_memory(load, adapter.size_bytes);
  if (!has_memory) co_return has_memory.error();
  adapter.has_memory = true;
  load->reach("loading its adapter", 0, 0);
  const auto loading = engine->process->load_adapter(id, std::move(file));
  const Result<protocol::Reply> loaded = co_await reply_of_load(load, *loading);
  if (!loaded) co_return loaded.error();
  if (load->is_done) co_return *load->error;  // and with it `adapter` may be gone
  adapter.size_bytes = static_cast<uint64_t>(loaded->adapter_loaded().size_bytes());
  adapter.is_loaded = true;
  monitor_.notify_all();
  co_return Result<void>();
}

// Of what two models need, one is loaded already on behalf of the other, which may yet fail.
Task<Result<void>> ModelPool::State::wait_for_another(std::shared_ptr<Load> load, std::string stage) {
  load->reach(std::move(stage), 0, 0);
  load->guard->pause();
  co_await monitor_.changed();
  if (is_closed_ || load->is_unwanted) co_return unloaded_while_loading(load->progress.entry.name);
  co_return Result<void>();
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
  load->reach("waiting for memory", 0, need);
  load->guard->pause();  // for the answers of others, however long they are
  while (true) {
    if (is_closed_ || load->is_unwanted) co_return unloaded_while_loading(name);
    const size_t n_engines = engines_->n_with_memory();
    const bool has_place = options_.max_loaded == 0 || n_engines < options_.max_loaded;
    if (has_place && need <= engines_->room()) co_return Result<void>();
    // Nobody is sent away for a model that will not fit even then.
    const uint64_t room_alone = engines_->room_beside(nullptr);
    if (n_engines == 0 || need > room_alone) {
      co_return Error(ErrorCode::kResourceExhausted,
                      shortage_message(name, opened, room_alone, options_.memory_bytes));
    }
    // The end of one that is idle, or else of the work of another.
    if (!engines_->has_ending() && make_room(has_place ? Lack::kMemory : Lack::kPlace)) continue;
    co_await monitor_.changed();
  }
}

Task<Result<void>> ModelPool::State::find_adapter_memory(std::shared_ptr<Load> load, uint64_t need) {
  load->reach("waiting for memory", 0, need);
  load->guard->pause();
  while (true) {
    if (is_closed_ || load->is_unwanted) co_return unloaded_while_loading(load->progress.entry.name);
    if (need <= engines_->room()) co_return Result<void>();
    const SharedEngine& engine = *load->engine;
    const uint64_t room_beside = engines_->room_beside(&engine);
    const bool is_alone = engine.adapters.size() == 1 && engines_->n_with_memory() == 1;
    if (is_alone || need > room_beside) {
      co_return Error(ErrorCode::kResourceExhausted,
                      adapter_shortage_message(load->progress.entry.name, need, room_beside));
    }
    if (!engines_->has_ending() && make_room(Lack::kMemory)) continue;
    co_await monitor_.changed();
  }
}

void ModelPool::State::finish_load(const std::shared_ptr<Load>& load, const Result<void>& found) {
  const CatalogEntry& entry = load->progress.entry;
  const Seconds took = now() - load->began;
  loads_.erase(entry.name);
  load->guard.reset();
  load->is_done = true;
  load->duration = took;
  if (!found) {
    load->error = found.error();
    if (load->engine && load->engine->process->has_failed()) note_death(entry.name);
  } else if (is_closed_ || load->is_unwanted) {
    load->error = unloaded_while_loading(entry.name);
  }
  if (load->error) {
    if (load->engine) engines_->leave(load->engine, load->adapter_id);
    return monitor_.notify_all();
  }
  auto loaded = std::make_shared<Loaded>();
  loaded->entry = entry;
  loaded->engine = load->engine;
  loaded->adapter_id = load->adapter_id;
  loaded->description = *load->engine->description;
  loaded->load_duration = took;
  loaded->keep_alive = load->progress.keep_alive;
  loaded->loaded_at = loaded->last_used = now();
  loaded_[entry.name] = loaded;
  // Who asked for it may have gone away meanwhile.
  if (loaded->keep_alive == Seconds(0)) loaded->keep_alive = Seconds(1);
  arm_expiry(loaded);
  monitor_.notify_all();
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

// Of the engines of which no model works the one that was used longest ago; where there is none and memory is
// what is lacking, of the idle models with an adapter. False: nothing is idle.
bool ModelPool::State::make_room(Lack lack) {
  struct Candidate {
    SteadyTime last_used;
    std::vector<std::shared_ptr<Loaded>> models;
  };
  std::optional<Candidate> oldest;
  const auto consider = [&oldest](Candidate candidate) {
    if (!oldest || candidate.last_used < oldest->last_used) oldest = std::move(candidate);
  };
  for (const auto& [name, loaded] : loaded_) {
    const auto users = users_of(*loaded->engine);
    const bool is_idle = users.size() == loaded->engine->n_users &&
                         std::ranges::all_of(users, [](const auto& user) { return user->n_leases == 0; });
    if (!is_idle) continue;
    const auto latest = std::ranges::max_element(users, {}, &Loaded::last_used);
    consider({(*latest)->last_used, users});
  }
  if (!oldest && lack == Lack::kMemory) {
    for (const auto& [name, loaded] : loaded_) {
      if (loaded->n_leases == 0 && !loaded->adapter_id.empty()) consider({loaded->last_used, {loaded}});
    }
  }
  if (!oldest) return false;
  for (const std::shared_ptr<Loaded>& loaded : oldest->models) close_when_idle(loaded);
  return true;
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
