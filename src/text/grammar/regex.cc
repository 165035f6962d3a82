#include "text/grammar/regex.h"

#include <optional>
#include <vector>

#include "text/grammar/dfa.h"
#include "text/grammar/json_text.h"
#include "text/grammar/regex_syntax.h"

namespace hearth::text::grammar {
namespace {

using Node = GrammarBuilder::Node;
using MaybeNode = std::optional<Node>;  // nothing: no text

// Whether a place is the begin or the end of the text. Where it is not said to be, ^ and $ do not hold.
struct Place {
  bool begin = false;
  bool end = false;
};

class RegexEmitter {
 public:
  RegexEmitter(GrammarBuilder& builder, RegexText text) : builder_(builder), text_(text) {}

  Result<Node> found_in(const RegexNode& node) {
    std::vector<Node> ways;
    for (const bool at_begin : {false, true}) {
      for (const bool at_end : {false, true}) {
        // What does not look for the begin is found wherever it stands.
        if ((at_begin && !node.has_begin) || (at_end && !node.has_end)) continue;
        HEARTH_ASSIGN(const MaybeNode match, matches(node, {at_begin, at_end}));
        if (!match) continue;
        std::vector<Node> parts;
        if (!at_begin) parts.push_back(any_text());
        parts.push_back(*match);
        if (!at_end) parts.push_back(any_text());
        ways.push_back(builder_.sequence(std::move(parts)));
      }
    }
    return builder_.choice(std::move(ways));
  }

  Result<Node> all_of(const RegexNode& node) {
    HEARTH_ASSIGN(const MaybeNode match, matches(node, {true, true}));
    return match ? *match : builder_.nothing();
  }

 private:
  Node any_text() {
    const Node any = text_ == RegexText::kPlain ? builder_.any_character() : add_any_json_character(builder_);
    return builder_.repeat(any, 0, std::nullopt);
  }

  // Whether the empty text is a match at the place.
  static bool matches_empty(const RegexNode& node, Place place) {
    switch (node.kind) {
      case RegexNode::Kind::kBegin:
        return place.begin;
      case RegexNode::Kind::kEnd:
        return place.end;
      case RegexNode::Kind::kCharacters:
        return false;
      case RegexNode::Kind::kRepeat:
        return node.min == 0 || matches_empty(node.parts[0], place);
      case RegexNode::Kind::kChoice:
        for (const RegexNode& part : node.parts) {
          if (matches_empty(part, place)) return true;
        }
        return false;
      case RegexNode::Kind::kSequence:
        for (const RegexNode& part : node.parts) {
          if (!matches_empty(part, place)) return false;
        }
        return true;
    }
    return false;
  }

  // The matches that begin where the text begins if place.begin, and end where it ends if place.end.
  Result<MaybeNode> matches(const RegexNode& node, Place place) {
    HEARTH_TRY(builder_.status());
    switch (node.kind) {
      case RegexNode::Kind::kBegin:
        return place.begin ? MaybeNode(builder_.empty()) : MaybeNode();
      case RegexNode::Kind::kEnd:
        return place.end ? MaybeNode(builder_.empty()) : MaybeNode();
      case RegexNode::Kind::kCharacters:
        return characters(node.characters);
      case RegexNode::Kind::kChoice:
        return choice(node, place);
      case RegexNode::Kind::kRepeat:
        return repeat(node, place);
      case RegexNode::Kind::kSequence:
        return sequence(node.parts, place);
    }
    return MaybeNode();
  }

  Result<MaybeNode> characters(const CharacterSet& set) {
    if (set.empty()) return MaybeNode();
    // A class of many ranges is used as the smallest automaton: repetitions copy it.
    constexpr size_t kFewRanges = 12;
    if (set.size() <= kFewRanges) return MaybeNode(add_characters(builder_, set));
    GrammarBuilder alone;
    const Node node = add_characters(alone, set);
    HEARTH_ASSIGN(const Dfa dfa, determinise(alone, node));
    return MaybeNode(builder_.language(dfa));
  }
  Node add_characters(GrammarBuilder& builder, const CharacterSet& set) const {
    return text_ == RegexText::kPlain ? builder.characters(set) : add_json_character(builder, set);
  }

  Result<MaybeNode> choice(const RegexNode& node, Place place) {
    std::vector<Node> parts;
    for (const RegexNode& part : node.parts) {
      HEARTH_ASSIGN(const MaybeNode match, matches(part, place));
      if (match) parts.push_back(*match);
    }
    return parts.empty() ? MaybeNode() : MaybeNode(builder_.choice(std::move(parts)));
  }

  // parts[0] and then the rest. The place between them is neither begin nor end, unless what lies on one side
  // is empty.
  Result<MaybeNode> sequence(std::span<const RegexNode> parts, Place place) {
    std::vector<Node> in_order;
    while (!parts.empty() && !parts[0].has_begin && !parts[0].has_end &&
           !(place.begin && has_begin(parts.subspan(1)))) {
      HEARTH_ASSIGN(const MaybeNode match, matches(parts[0], {}));
      if (!match) return MaybeNode();
      in_order.push_back(*match);
      place.begin = false;
      parts = parts.subspan(1);
    }
    if (!parts.empty()) {
      HEARTH_ASSIGN(const MaybeNode match, anchored_sequence(parts, place));
      if (!match) return MaybeNode();
      in_order.push_back(*match);
    }
    return MaybeNode(builder_.sequence(std::move(in_order)));
  }
  Result<MaybeNode> anchored_sequence(std::span<const RegexNode> parts, Place place) {
    const RegexNode& first = parts[0];
    const auto rest = parts.subspan(1);
    if (rest.empty()) return matches(first, place);
    std::vector<Node> ways;
    const auto add = [&](MaybeNode match) {
      if (match) ways.push_back(*match);
    };
    // Both may have characters.
    HEARTH_ASSIGN(const MaybeNode front, matches(first, {place.begin, false}));
    if (front) {
      HEARTH_ASSIGN(const MaybeNode back, sequence(rest, {false, place.end}));
      if (back) ways.push_back(builder_.sequence({*front, *back}));
    }
    // The first is empty: the rest begins where the text does.
    if (place.begin && has_begin(rest) && matches_empty(first, {true, false})) {
      HEARTH_ASSIGN(const MaybeNode match, sequence(rest, place));
      add(match);
    }
    // The rest is empty: the first ends where the text does.
    if (place.end && first.has_end && all_match_empty(rest, {false, true})) {
      HEARTH_ASSIGN(const MaybeNode match, matches(first, place));
      add(match);
    }
    if (all_match_empty(parts, place)) ways.push_back(builder_.empty());
    return ways.empty() ? MaybeNode() : MaybeNode(builder_.choice(std::move(ways)));
  }
  static bool has_begin(std::span<const RegexNode> parts) {
    for (const RegexNode& part : parts) {
      if (part.has_begin) return true;
    }
    return false;
  }
  static bool all_match_empty(std::span<const RegexNode> parts, Place place) {
    for (const RegexNode& part : parts) {
      if (!matches_empty(part, place)) return false;
    }
    return true;
  }

  Result<MaybeNode> repeat(const RegexNode& node, Place place) {
    const RegexNode& part = node.parts[0];
    if (!part.has_begin && !part.has_end) {
      HEARTH_ASSIGN(const MaybeNode match, matches(part, {}));
      if (match) return MaybeNode(builder_.repeat(*match, node.min, node.max));
      return node.min == 0 ? MaybeNode(builder_.empty()) : MaybeNode();
    }
    // The parser lets through: once at most, or without end and without a count. Rounds without characters
    // are left out, which changes nothing else.
    std::vector<Node> ways;
    if (matches_empty(node, place)) ways.push_back(builder_.empty());
    if (!node.max || *node.max > 0) {
      HEARTH_ASSIGN(const MaybeNode once, matches(part, place));
      if (once) ways.push_back(*once);
    }
    if (!node.max) {
      HEARTH_ASSIGN(const MaybeNode front, matches(part, {place.begin, false}));
      HEARTH_ASSIGN(const MaybeNode middle, matches(part, {}));
      HEARTH_ASSIGN(const MaybeNode back, matches(part, {false, place.end}));
      if (front && back) {
        std::vector<Node> rounds{*front};
        if (middle) rounds.push_back(builder_.repeat(*middle, 0, std::nullopt));
        rounds.push_back(*back);
        ways.push_back(builder_.sequence(std::move(rounds)));
      }
    }
    return ways.empty() ? MaybeNode() : MaybeNode(builder_.choice(std::move(ways)));
  }

  GrammarBuilder& builder_;
  const RegexText text_;
};

}  // namespace

Result<GrammarBuilder::Node> add_regex(GrammarBuilder& builder, std::string_view pattern, RegexText text,
                                       bool whole) {
  HEARTH_ASSIGN(const RegexNode node, parse_regex(pattern));
  RegexEmitter emitter(builder, text);
  HEARTH_ASSIGN(const GrammarBuilder::Node made, whole ? emitter.all_of(node) : emitter.found_in(node));
  HEARTH_TRY(builder.status());
  return made;
}

}  // namespace hearth::text::grammar
