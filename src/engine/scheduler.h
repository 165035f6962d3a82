// Who runs, and what each step evaluates of whom. Knows sequences, tokens and blocks by their numbers only:
// what is computed, and what comes out of it, is the engine's business.
//
// Why so: docs/decisions/0018-scheduler.md.
#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/kv_blocks.h"
#include "engine/sequence.h"

namespace hearth::engine {

struct SchedulerOptions {
  int64_t max_sequences = 1;
  int64_t max_waiting = 0;  // 0: no limit
  int64_t max_step_tokens = 1;
  int64_t prompt_tokens_beside_answers = 1;
  bool has_states = false;  // sequences have a recurrent state: a slot each, and no start from the cache
};

// The part of one sequence that a step evaluates.
struct Slice {
  Sequence* sequence;
  int64_t n_tokens;
  bool wants_logits;  // it reaches the sequence's last token
};

// Invariants:
//  1. A sequence waits or runs. What waits holds no block and no state slot; at most max_sequences run.
//  2. Free places go to the tenant with the fewest running sequences, among equals to the one whose turn it
//     is in the rotation. A tenant's sequences get their turn in the order of their arrival, but those that
//     were preempted stand before all others.
//  3. What runs stands in the order of first admission: its seniority, which a preemption does not take.
//  4. Blocks are taken from juniors only: who cannot get its next block preempts the most junior one, which
//     may be itself.
//  5. The most senior sequence gets at least one token in every step.
// Therefore some sequence always ends: only a sequence still more senior can take the place of the most
// senior one, and of these there are finitely many. A pool of one full context suffices for it.
//
// Not thread-safe.
class Scheduler {
 public:
  // The blocks, of which one sequence alone must have enough, must outlive the scheduler.
  Scheduler(const SchedulerOptions& options, KvBlocks& blocks) : options_(options), blocks_(blocks) {}

  // kUnavailable, with the numbers, where one more would have to wait and too many do.
  Result<void> check_queue() const;
  void add(std::unique_ptr<Sequence> sequence);
  // Unknown ids are ignored.
  void remove(RequestId id);
  void remove_finished();

  const Sequence* find(RequestId id) const;
  bool has_work() const noexcept { return !running_.empty() || n_waiting_ > 0; }
  int64_t n_running() const noexcept { return static_cast<int64_t>(running_.size()); }
  int64_t n_waiting() const noexcept { return n_waiting_; }
  int64_t n_preemptions() const noexcept { return n_preemptions_; }  // so far

  // Admits what fits, preempts what does not fit any more, and divides the step: a token for each sequence
  // that decodes, so that streams flow, and slices of prompts, which share the rest fairly, first tenants and
  // then the prompts of each. The blocks of the slices are reserved. Empty: there is nothing to do.
  std::vector<Slice> plan();

 private:
  // Tenants with waiting sequences, in the order of their turns.
  struct Queue {
    std::string tenant;
    std::deque<std::unique_ptr<Sequence>> waiting;
  };
  using Rotation = std::list<Queue>;

  void admit_waiting();
  Rotation::iterator next_queue();
  bool try_start(Sequence& sequence);
  bool fits(const Sequence& sequence) const;
  int64_t free_state_slot() const;
  std::vector<int64_t> divide_step() const;
  void share_among_prompts(int64_t room, std::vector<int64_t>& n_tokens) const;
  void preempt_most_junior();

  const SchedulerOptions options_;
  KvBlocks& blocks_;
  std::vector<std::unique_ptr<Sequence>> running_;
  Rotation rotation_;
  int64_t n_waiting_ = 0;
  int64_t n_admissions_ = 0;
  int64_t n_preemptions_ = 0;
};

}  // namespace hearth::engine
