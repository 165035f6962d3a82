// The grammars of answers: compiled beside the engine's steps, and kept.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "worker/constraint_compiler.h"

namespace hearth::worker {

// Compiles what is asked for in a thread of its own, in the order in which it came, so that a costly schema
// keeps only its own call waiting; and keeps the grammars used last: clients send the same schema again and
// again. For one thread; the other one is inside.
class Constraints {
 public:
  // What is kept, the tables that answers fill included; older ones are let go first.
  static constexpr size_t kMaxGrammars = 64;
  static constexpr size_t kMaxBytes = size_t{128} << 20U;

  // A call whose grammar was asked for.
  struct Waiting {
    uint64_t call_id = 0;
    protocol::Generate call;
    Prompt prompt;
  };
  // Errors: those of ConstraintCompiler.
  struct Compiled {
    Waiting waiting;
    Result<std::shared_ptr<text::grammar::TokenGrammar>> grammar;
  };

  // As ConstraintCompiler's.
  Constraints(const text::Tokenizer& tokenizer, int64_t n_tokens) : compiler_(tokenizer, n_tokens) {}
  // Ends after what is being compiled; calls that wait are forgotten.
  ~Constraints();
  Constraints(const Constraints&) = delete;
  Constraints& operator=(const Constraints&) = delete;

  // Of a constrained call; null where it must be compiled first.
  std::shared_ptr<text::grammar::TokenGrammar> find(const protocol::Generate& call, const Prompt& prompt);
  // take() will have it. Several calls with one source share one grammar.
  void compile(Waiting waiting);
  // The calls that have been compiled since. Waits for one, if any is to come, for as long as `patience`.
  std::vector<Compiled> take(std::chrono::milliseconds patience);
  // Nothing where the call does not wait.
  std::optional<Waiting> withdraw(uint64_t call_id);
  size_t n_waiting() const noexcept { return calls_.size(); }

 private:
  using Grammar = std::shared_ptr<text::grammar::TokenGrammar>;
  using Grammars = std::list<std::pair<std::string, Grammar>>;
  struct Source {
    std::string key;
    protocol::Generate call;
    Prompt prompt;
  };
  struct Outcome {
    std::string key;
    Result<Grammar> grammar;
  };

  void run();
  void keep(const std::string& key, Grammar grammar);
  void let_go_of_old_ones();

  Grammars grammars_;  // the last one used in front
  std::unordered_map<std::string, Grammars::iterator> by_key_;
  std::unordered_map<uint64_t, std::string> calls_;                    // that wait, by id: their key
  std::unordered_map<std::string, std::vector<Waiting>> waiting_for_;  // by key, in order

  ConstraintCompiler compiler_;  // the thread's
  std::mutex mutex_;             // over what follows
  std::condition_variable changed_;
  std::deque<Source> to_compile_;
  std::vector<Outcome> compiled_;
  bool ends_ = false;
  std::thread thread_;  // from the first call on
};

}  // namespace hearth::worker
