#include "engine/scheduler.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

#include "engine/fair_shares.h"

namespace hearth::engine {

Result<void> Scheduler::check_queue() const {
  // Places that are free are given away before the next step.
  const int64_t n_without_place = n_waiting_ - (options_.max_sequences - n_running());
  if (options_.max_waiting == 0 || n_without_place < options_.max_waiting) return {};
  return make_error(ErrorCode::kUnavailable, "server busy, try again later: {} requests wait, at most {} may",
                    n_without_place, options_.max_waiting);
}

void Scheduler::add(std::unique_ptr<Sequence> sequence) {
  const auto is_theirs = [&](const Queue& queue) { return queue.tenant == sequence->tenant(); };
  auto queue = std::find_if(rotation_.begin(), rotation_.end(), is_theirs);
  if (queue == rotation_.end()) queue = rotation_.insert(queue, Queue{sequence->tenant(), {}});
  queue->waiting.push_back(std::move(sequence));
  ++n_waiting_;
}

void Scheduler::remove(RequestId id) {
  const auto has_id = [&](const std::unique_ptr<Sequence>& sequence) { return sequence->id() == id; };
  if (std::erase_if(running_, has_id) > 0) return;
  for (auto queue = rotation_.begin(); queue != rotation_.end(); ++queue) {
    if (std::erase_if(queue->waiting, has_id) == 0) continue;
    --n_waiting_;
    if (queue->waiting.empty()) rotation_.erase(queue);
    return;
  }
}

void Scheduler::remove_finished() {
  std::erase_if(running_, [](const std::unique_ptr<Sequence>& sequence) { return sequence->is_finished(); });
}

const Sequence* Scheduler::find(RequestId id) const {
  const auto has_id = [&](const std::unique_ptr<Sequence>& sequence) { return sequence->id() == id; };
  const auto running = std::find_if(running_.begin(), running_.end(), has_id);
  if (running != running_.end()) return running->get();
  for (const Queue& queue : rotation_) {
    const auto waiting = std::find_if(queue.waiting.begin(), queue.waiting.end(), has_id);
    if (waiting != queue.waiting.end()) return waiting->get();
  }
  return nullptr;
}

std::vector<Slice> Scheduler::plan() {
  admit_waiting();
  const std::vector<int64_t> n_tokens = divide_step();
  for (size_t i = 0; i < running_.size(); ++i) {
    while (i < running_.size() && !running_[i]->reserve(n_tokens[i])) preempt_most_junior();
  }
  std::vector<Slice> slices;
  for (size_t i = 0; i < running_.size(); ++i) {
    Sequence& sequence = *running_[i];
    if (n_tokens[i] > 0) slices.push_back({&sequence, n_tokens[i], n_tokens[i] == sequence.n_pending()});
  }
  return slices;
}

// Nobody passes a sequence that does not fit yet: what runs ends, and then it fits.
void Scheduler::admit_waiting() {
  while (n_waiting_ > 0 && n_running() < options_.max_sequences) {
    const auto queue = next_queue();
    if (!try_start(*queue->waiting.front())) return;
    std::unique_ptr<Sequence> sequence = std::move(queue->waiting.front());
    queue->waiting.pop_front();
    --n_waiting_;
    rotation_.splice(rotation_.end(), rotation_, queue);
    if (queue->waiting.empty()) rotation_.erase(queue);

    sequence->admit(n_admissions_++);
    const auto is_senior = [](const auto& a, const auto& b) { return a->seniority() < b->seniority(); };
    running_.insert(std::upper_bound(running_.begin(), running_.end(), sequence, is_senior),
                    std::move(sequence));
  }
}

Scheduler::Rotation::iterator Scheduler::next_queue() {
  std::map<std::string_view, int64_t> n_running;
  for (const auto& sequence : running_) ++n_running[sequence->tenant()];
  return std::min_element(rotation_.begin(), rotation_.end(), [&](const Queue& a, const Queue& b) {
    return n_running[a.tenant] < n_running[b.tenant];
  });
}

bool Scheduler::try_start(Sequence& sequence) {
  if (options_.has_states) {
    // A recurrent state cannot be taken up at the end of a cached prefix.
    sequence.set_state_slot(free_state_slot());
  } else {
    sequence.start_from_cache();
  }
  if (fits(sequence)) return true;
  sequence.give_back_blocks();
  return false;
}

// Whether there are blocks for what it has to evaluate and for a beginning of its answer, beside what all
// others will need for theirs. What they need beyond that is left to chance, and to preemption.
bool Scheduler::fits(const Sequence& sequence) const {
  if (running_.empty()) return true;
  for (size_t group = 0; group < blocks_.n_groups(); ++group) {
    int64_t to_come = sequence.blocks_to_come(group);
    for (const auto& other : running_) to_come += other->blocks_to_come(group);
    // Windows pass the tokens of a step only after it.
    if (blocks_.window(group) != 0) to_come += options_.max_step_tokens / blocks_.block_tokens();
    if (to_come > blocks_.n_free(group)) return false;
  }
  return true;
}

// There are as many slots as sequences may run.
int64_t Scheduler::free_state_slot() const {
  int64_t slot = 0;
  const auto is_taken = [&](const std::unique_ptr<Sequence>& s) { return s->state_slot() == slot; };
  while (std::any_of(running_.begin(), running_.end(), is_taken)) ++slot;
  return slot;
}

// Tokens of each running sequence. A step has room for a token of each.
std::vector<int64_t> Scheduler::divide_step() const {
  std::vector<int64_t> n_tokens(running_.size(), 0);
  int64_t room = options_.max_step_tokens;
  for (size_t i = 0; i < running_.size(); ++i) {
    if (!running_[i]->is_decoding()) continue;
    n_tokens[i] = 1;
    --room;
  }
  if (room < options_.max_step_tokens) room = std::min(room, options_.prompt_tokens_beside_answers);
  share_among_prompts(room, n_tokens);
  return n_tokens;
}

void Scheduler::share_among_prompts(int64_t room, std::vector<int64_t>& n_tokens) const {
  struct Tenant {
    std::string_view name;
    std::vector<size_t> prompts;  // indices into running_
    std::vector<int64_t> demands;
  };
  std::vector<Tenant> tenants;
  std::vector<int64_t> demands;  // of each tenant
  for (size_t i = 0; i < running_.size(); ++i) {
    if (running_[i]->is_decoding()) continue;
    const auto is_theirs = [&](const Tenant& tenant) { return tenant.name == running_[i]->tenant(); };
    auto tenant = std::find_if(tenants.begin(), tenants.end(), is_theirs);
    if (tenant == tenants.end()) {
      tenant = tenants.insert(tenants.end(), Tenant{running_[i]->tenant(), {}, {}});
      demands.push_back(0);
    }
    tenant->prompts.push_back(i);
    tenant->demands.push_back(running_[i]->n_next());
    demands[static_cast<size_t>(tenant - tenants.begin())] += running_[i]->n_next();
  }
  const std::vector<int64_t> rooms = fair_shares(demands, room);
  for (size_t t = 0; t < tenants.size(); ++t) {
    const std::vector<int64_t> shares = fair_shares(tenants[t].demands, rooms[t]);
    for (size_t i = 0; i < shares.size(); ++i) n_tokens[tenants[t].prompts[i]] = shares[i];
  }
}

void Scheduler::preempt_most_junior() {
  // Alone, a sequence has all blocks, which suffice.
  HEARTH_CHECK(running_.size() > 1);
  std::unique_ptr<Sequence> sequence = std::move(running_.back());
  running_.pop_back();
  sequence->give_back_blocks();
  const auto is_theirs = [&](const Queue& queue) { return queue.tenant == sequence->tenant(); };
  auto queue = std::find_if(rotation_.begin(), rotation_.end(), is_theirs);
  if (queue == rotation_.end()) queue = rotation_.insert(rotation_.begin(), Queue{sequence->tenant(), {}});
  queue->waiting.push_front(std::move(sequence));
  ++n_waiting_;
  ++n_preemptions_;
}

}  // namespace hearth::engine
