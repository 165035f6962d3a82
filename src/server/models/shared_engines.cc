#include "server/models/shared_engines.h"

#include <algorithm>
#include <utility>

#include "server/models/memory.h"

namespace hearth::server {

protocol::Memory SharedEngine::memory() const {
  protocol::Memory memory = description ? description->memory() : protocol::Memory();
  uint64_t adapters_bytes = 0;
  for (const auto& [id, adapter] : adapters) {
    if (adapter.has_memory) adapters_bytes += adapter.size_bytes;
  }
  memory.set_adapters_bytes(static_cast<int64_t>(adapters_bytes));
  return memory;
}

bool SharedEngine::suffices(int64_t context_tokens) const {
  if (!description) return context_tokens <= wished_context_tokens;
  const int64_t has = description->context_tokens();
  return context_tokens <= has || has >= description->trained_context_tokens();
}

std::shared_ptr<SharedEngine> SharedEngines::find(const std::string& weights_id,
                                                  int64_t context_tokens) const {
  const auto found = std::ranges::find_if(engines_, [&](const auto& engine) {
    return engine->weights_id == weights_id && !engine->process->has_ended() &&
           engine->suffices(context_tokens);
  });
  return found == engines_.end() ? nullptr : *found;
}

std::shared_ptr<SharedEngine> SharedEngines::add(std::string weights_id, int64_t context_tokens,
                                                 std::shared_ptr<EngineProcess> process) {
  auto engine = std::make_shared<SharedEngine>();
  engine->weights_id = std::move(weights_id);
  engine->process = std::move(process);
  engine->wished_context_tokens = context_tokens;
  engines_.push_back(engine);
  return engine;
}

void SharedEngines::leave(const std::shared_ptr<SharedEngine>& engine, const std::string& adapter_id) {
  const auto adapter = engine->adapters.find(adapter_id);
  if (adapter != engine->adapters.end() && --adapter->second.n_users == 0) {
    engine->adapters.erase(adapter);
    // Also one that is being loaded: the engine does one after the other.
    engine->process->unload_adapter(adapter_id);
  }
  if (--engine->n_users == 0) {
    forget(*engine);
    end(*engine);
  }
  on_change_();
}

void SharedEngines::forget(const SharedEngine& engine) {
  std::erase_if(engines_, [&](const auto& known) { return known.get() == &engine; });
}

void SharedEngines::end(const SharedEngine& engine) {
  if (engine.process->has_ended()) return;
  ending_.push_back({engine.process, engine.has_memory ? engine.memory() : protocol::Memory()});
  engine.process->on_end([weak = weak_from_this(), ended = engine.process.get()] {
    const auto self = weak.lock();
    if (!self) return;
    std::erase_if(self->ending_, [&](const Ending& ending) { return ending.process.get() == ended; });
    self->on_change_();
  });
  engine.process->stop();
}

void SharedEngines::stop_all() {
  for (const auto& engine : engines_) engine->process->stop();
}

size_t SharedEngines::n_with_memory() const {
  const auto n = std::ranges::count_if(engines_, [](const auto& engine) { return engine->has_memory; });
  return static_cast<size_t>(n) + ending_.size();
}

std::vector<MemoryClaim> SharedEngines::claims() const {
  std::vector<MemoryClaim> claims;
  for (const auto& engine : engines_) {
    if (engine->has_memory)
      claims.push_back({engine->memory(), private_memory_bytes(engine->process->pid())});
  }
  for (const Ending& ending : ending_)
    claims.push_back({ending.promised, private_memory_bytes(ending.process->pid())});
  return claims;
}

uint64_t SharedEngines::room() const {
  return room_for_models(available_bytes_(), memory_bytes_, claims());
}

uint64_t SharedEngines::room_beside(const SharedEngine* kept) const {
  uint64_t available = available_bytes_();
  for (const MemoryClaim& claim : claims()) available += claim.private_bytes;
  if (kept == nullptr || !kept->has_memory) return room_for_models(available, memory_bytes_, {});
  MemoryClaim left{kept->memory(), private_memory_bytes(kept->process->pid())};
  left.private_bytes -= std::min(left.private_bytes, static_cast<uint64_t>(left.promised.adapters_bytes()));
  left.promised.clear_adapters_bytes();
  available -= std::min(available, left.private_bytes);
  return room_for_models(available, memory_bytes_, {&left, 1});
}

}  // namespace hearth::server
