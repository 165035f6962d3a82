// Which texts a grammar has, read off its edges as they are defined: slow, and independent of the matcher.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "text/grammar/grammar.h"

namespace hearth::text::grammar {

class GrammarAcceptor {
 public:
  explicit GrammarAcceptor(std::shared_ptr<const Grammar> grammar) : grammar_(std::move(grammar)) {}

  bool matches(std::string_view text) {
    text_ = text;
    ends_.clear();
    return ends_of(grammar_->start(), 0).count(text.size()) > 0;
  }

 private:
  // Where what begins in the start state of a rule at a place may end.
  const std::set<size_t>& ends_of(State start, size_t place) {
    const std::pair key{start, place};
    if (const auto found = ends_.find(key); found != ends_.end()) return found->second;
    std::set<size_t> ends;
    std::set<std::pair<State, size_t>> seen;
    std::vector<std::pair<State, size_t>> to_visit{{start, place}};
    while (!to_visit.empty()) {
      const auto [state, at] = to_visit.back();
      to_visit.pop_back();
      if (!seen.emplace(state, at).second) continue;
      if (grammar_->is_final(state)) ends.insert(at);
      for (const Grammar::Edge& edge : grammar_->edges(state)) {
        switch (edge.kind) {
          case Grammar::Edge::Kind::kEmpty:
            to_visit.emplace_back(edge.target, at);
            break;
          case Grammar::Edge::Kind::kBytes: {
            const auto byte = at < text_.size() ? static_cast<unsigned char>(text_[at]) : 0;
            if (at < text_.size() && edge.first <= byte && byte <= edge.last)
              to_visit.emplace_back(edge.target, at + 1);
            break;
          }
          case Grammar::Edge::Kind::kCall:
            for (const size_t end : ends_of(grammar_->start(edge.rule), at))
              to_visit.emplace_back(edge.target, end);
            break;
        }
      }
    }
    return ends_.emplace(key, std::move(ends)).first->second;
  }

  std::shared_ptr<const Grammar> grammar_;
  std::string_view text_;
  std::map<std::pair<State, size_t>, std::set<size_t>> ends_;
};

}  // namespace hearth::text::grammar
