// How a model comes to be loaded: from its files to an engine that has its weights, its adapter and the
// memory for both.
#include <algorithm>
#include <utility>
// Boost 1.74's co_spawn calls std::exchange without including what declares it.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "server/models/engine_process.h"
#include "server/models/memory_budget.h"
#include "server/models/model_files.h"
#include "server/models/model_pool_state.h"

namespace hearth::server {

namespace asio = boost::asio;
using namespace pool;

namespace {

Error unloaded_while_loading(const std::string& name) {
  return make_error(ErrorCode::kUnavailable, "model '{}' was unloaded while it was loading", name);
}

}  // namespace

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

}  // namespace hearth::server
