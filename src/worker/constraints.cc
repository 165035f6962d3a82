#include "worker/constraints.h"

#include <fmt/format.h>

#include <algorithm>

namespace hearth::worker {
namespace {

std::string key_of(const protocol::Generate& call, const Prompt& prompt) {
  std::string key = call.constraint().SerializeAsString();
  if (prompt.calls) {
    key += fmt::format("\n{}\n{}", prompt.calls->format->name(), call.tool_use().SerializeAsString());
    for (const text::Tool& tool : prompt.calls->tools)
      key += fmt::format("\n{} {}", tool.name, tool.parameters);
  }
  if (prompt.reasoning) {
    key += prompt.begins_thinking ? '\1' : '\0';
    for (const std::string& mark : prompt.reasoning->frame) key += mark;
    key += prompt.reasoning->open + prompt.reasoning->close;
  }
  return key;
}

}  // namespace

Constraints::~Constraints() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    ends_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::shared_ptr<text::grammar::TokenGrammar> Constraints::find(const protocol::Generate& call,
                                                               const Prompt& prompt) {
  const auto found = by_key_.find(key_of(call, prompt));
  if (found == by_key_.end()) return nullptr;
  grammars_.splice(grammars_.begin(), grammars_, found->second);
  // Tables grow with the answers.
  let_go_of_old_ones();
  return grammars_.front().second;
}

void Constraints::compile(Waiting waiting) {
  std::string key = key_of(waiting.call, waiting.prompt);
  calls_.emplace(waiting.call_id, key);
  const bool is_first = !waiting_for_.contains(key);
  std::vector<Waiting>& calls = waiting_for_[key];
  if (is_first) {
    const std::lock_guard lock(mutex_);
    to_compile_.push_back({std::move(key), waiting.call, waiting.prompt});
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  }
  calls.push_back(std::move(waiting));
  if (is_first) changed_.notify_all();
}

void Constraints::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return ends_ || !to_compile_.empty(); });
    if (ends_) return;
    const Source source = std::move(to_compile_.front());
    to_compile_.pop_front();
    lock.unlock();
    Result<Grammar> grammar = compiler_.compile(source.call, source.prompt);
    lock.lock();
    compiled_.push_back({source.key, std::move(grammar)});
    changed_.notify_all();
  }
}

std::vector<Constraints::Compiled> Constraints::take(std::chrono::milliseconds patience) {
  std::vector<Outcome> outcomes;
  if (!waiting_for_.empty()) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [&] { return !compiled_.empty(); });
    outcomes.swap(compiled_);
  }
  std::vector<Compiled> taken;
  for (Outcome& outcome : outcomes) {
    if (outcome.grammar) keep(outcome.key, *outcome.grammar);
    const auto calls = waiting_for_.extract(outcome.key);
    if (calls.empty()) continue;
    for (Waiting& waiting : calls.mapped()) {
      calls_.erase(waiting.call_id);
      taken.push_back({std::move(waiting), outcome.grammar});
    }
  }
  return taken;
}

// What the thread has not begun with is not compiled; what it has begun with is kept for the next one.
std::optional<Constraints::Waiting> Constraints::withdraw(uint64_t call_id) {
  const auto call = calls_.extract(call_id);
  if (call.empty()) return std::nullopt;
  std::vector<Waiting>& calls = waiting_for_.at(call.mapped());
  const auto at = std::find_if(calls.begin(), calls.end(),
                               [&](const Waiting& waiting) { return waiting.call_id == call_id; });
  Waiting withdrawn = std::move(*at);
  calls.erase(at);
  if (calls.empty()) {
    const std::lock_guard lock(mutex_);
    const auto n =
        std::erase_if(to_compile_, [&](const Source& source) { return source.key == call.mapped(); });
    if (n > 0) waiting_for_.erase(call.mapped());
  }
  return withdrawn;
}

void Constraints::keep(const std::string& key, Grammar grammar) {
  if (by_key_.contains(key)) return;
  grammars_.emplace_front(key, std::move(grammar));
  by_key_.emplace(key, grammars_.begin());
  let_go_of_old_ones();
}

// Answers that are under way keep theirs.
void Constraints::let_go_of_old_ones() {
  size_t n_bytes = 0;
  size_t n = 0;
  for (auto at = grammars_.begin(); at != grammars_.end();) {
    n_bytes += at->first.size() + at->second->size_bytes();
    if (++n <= 1 || (n <= kMaxGrammars && n_bytes <= kMaxBytes)) {
      ++at;
      continue;
    }
    by_key_.erase(at->first);
    at = grammars_.erase(at);
  }
}

}  // namespace hearth::worker
