#include "text/grammar/mask_table.h"

#include <algorithm>
#include <array>

namespace hearth::text::grammar {

MaskTable::MaskTable(std::shared_ptr<const Grammar> grammar,
                     std::shared_ptr<const MaskedVocabulary> vocabulary)
    : sets_(std::move(grammar)), vocabulary_(std::move(vocabulary)) {}

size_t MaskTable::size_bytes() const noexcept {
  return sets_.size_bytes() + masks_.size() * vocabulary_->size() / 8 + word_steps_.size() * sizeof(WordStep);
}

Result<const TokenSet*> MaskTable::allowed(SetId set) {
  if (const auto found = places_.find(set); found != places_.end()) return &masks_[found->second];
  size_t place = masks_.size();
  if (place < kMaxMasks) {
    masks_.emplace_back(vocabulary_->size());
    owners_.push_back(set);
  } else {
    place = std::exchange(next_place_, (next_place_ + 1) % kMaxMasks);
    places_.erase(owners_[place]);
    owners_[place] = set;
    masks_[place].clear();
  }
  // Nothing is kept of a mask that could not be made whole.
  HEARTH_TRY(fill(set, masks_[place]));
  places_.emplace(set, place);
  return &masks_[place];
}

Result<void> MaskTable::fill(SetId set, TokenSet& allowed) {
  if (sets_.may_end(set)) allowed.add(vocabulary_->end_tokens());
  if (!sets_.may_go_on(set)) return {};
  // How many characters of words follow, whatever they are.
  size_t n = 0;
  SetId at = set;
  WordStep step = word_step(at);
  while (n < MaskedVocabulary::kMaxShortCharacters && step.is_uniform && step.target > StateSets::kTooMany) {
    ++n;
    // A loop takes any number.
    if (step.target == at) n = MaskedVocabulary::kMaxShortCharacters;
    at = step.target;
    step = word_step(at);
  }
  const bool none_follows = step.is_uniform && step.target == StateSets::kDead;
  if (n == MaskedVocabulary::kMaxShortCharacters) {
    allowed.add(vocabulary_->words_up_to(n));
    HEARTH_TRY(walk(vocabulary_->long_words(), set, allowed));
  } else if (none_follows) {
    allowed.add(vocabulary_->words_up_to(n));
  } else {
    HEARTH_TRY(walk(vocabulary_->short_words(), set, allowed));
    HEARTH_TRY(walk(vocabulary_->long_words(), set, allowed));
  }
  return walk(vocabulary_->others(), set, allowed);
}

Result<void> MaskTable::walk(const TokenTrie& trie, SetId set, TokenSet& allowed) {
  const size_t size_before = sets_.size_bytes();
  const std::span<const TokenTrie::Node> nodes = trie.nodes();
  const std::span<const TokenId> tokens = trie.tokens();
  path_.resize(trie.max_depth() + 1);
  path_[0] = set;
  size_t n_visited = 0;
  for (size_t i = 0; i < trie.n_nodes();) {
    const TokenTrie::Node& node = nodes[i];
    const SetId next = sets_.next(path_[size_t{node.depth} - 1], node.byte);
    if (next == StateSets::kDead) {
      i = node.end;
      continue;
    }
    if (next == StateSets::kTooMany ||
        (++n_visited % 256 == 0 && sets_.size_bytes() - size_before > kMaxStepBytes)) {
      return Error(
          ErrorCode::kResourceExhausted,
          "the grammar is too ambiguous: too many ways to read the answer so far have to be followed");
    }
    path_[node.depth] = next;
    for (size_t token = node.first_token; token < nodes[i + 1].first_token; ++token)
      allowed.add(tokens[token]);
    ++i;
  }
  return {};
}

MaskTable::WordStep MaskTable::word_step(SetId set) {
  if (set >= word_steps_.size()) word_steps_.resize(std::max(sets_.n_sets(), size_t{set} + 1));
  if (!word_steps_[set].is_known) {
    const WordStep found = find_word_step(set);
    word_steps_[set] = found;
  }
  return word_steps_[set];
}

MaskTable::WordStep MaskTable::find_word_step(SetId set) {
  constexpr WordStep kDiffers{.is_known = true};
  const SetId target = sets_.next(set, 'a');
  for (unsigned byte = 0x20; byte < 0x80; ++byte) {
    if (MaskedVocabulary::is_word_byte(static_cast<uint8_t>(byte)) &&
        sets_.next(set, static_cast<uint8_t>(byte)) != target)
      return kDiffers;
  }
  // Whether all of [first, last] and then `n_more` continuation bytes lead to the target.
  const auto is_uniform = [&](auto& self, SetId from, uint8_t first, uint8_t last, int n_more) -> bool {
    SetId checked = ~SetId{0};
    for (unsigned byte = first; byte <= last; ++byte) {
      const SetId next = sets_.next(from, static_cast<uint8_t>(byte));
      if (next == checked) continue;
      if (n_more == 0 ? next != target
                      : (next == StateSets::kDead ? target != StateSets::kDead
                                                  : !self(self, next, 0x80, 0xBF, n_more - 1)))
        return false;
      checked = next;
    }
    return true;
  };
  // UTF-8's sequences (RFC 3629, section 4).
  struct Sequence {
    uint8_t first, last, second_first, second_last;
    int n_more;
  };
  constexpr std::array<Sequence, 8> kSequences{{{0xC2, 0xDF, 0x80, 0xBF, 0},
                                                {0xE0, 0xE0, 0xA0, 0xBF, 1},
                                                {0xE1, 0xEC, 0x80, 0xBF, 1},
                                                {0xED, 0xED, 0x80, 0x9F, 1},
                                                {0xEE, 0xEF, 0x80, 0xBF, 1},
                                                {0xF0, 0xF0, 0x90, 0xBF, 2},
                                                {0xF1, 0xF3, 0x80, 0xBF, 2},
                                                {0xF4, 0xF4, 0x80, 0x8F, 2}}};
  for (const Sequence& sequence : kSequences) {
    SetId checked = ~SetId{0};
    for (unsigned lead = sequence.first; lead <= sequence.last; ++lead) {
      const SetId next = sets_.next(set, static_cast<uint8_t>(lead));
      if (next == checked) continue;
      checked = next;
      if (next == StateSets::kDead) {
        if (target != StateSets::kDead) return kDiffers;
      } else if (!is_uniform(is_uniform, next, sequence.second_first, sequence.second_last,
                             sequence.n_more)) {
        return kDiffers;
      }
    }
  }
  return {.is_known = true, .is_uniform = true, .target = target};
}

}  // namespace hearth::text::grammar
