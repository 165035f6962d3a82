#include "text/tokenizer/huggingface/pre_tokenization.h"

#include <algorithm>
#include <optional>

#include "base/utf8.h"
#include "text/tokenizer/bert_text.h"
#include "text/tokenizer/byte_alphabet.h"
#include "text/tokenizer/huggingface/pattern.h"
#include "text/tokenizer/unicode.h"

namespace hearth::text {
namespace {

constexpr size_t kMaxSteps = 64;
constexpr int kMaxNesting = 16;

constexpr const char* kByteLevelExpression =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
// Runs of what words are made of, and of what is neither that nor white space.
constexpr const char* kWhitespaceExpression =
    R"([\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}]+|[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200C}\x{200D}\s]+)";
// Published tokenizers cut numbers into groups of three from the right with this. It looks to the end of the
// number at each of its digits; kDigitGroups gives the same in linear time.
constexpr std::string_view kDigitGroupExpressions[] = {R"((?=(\d{3})+(?!\d)))", R"((?=(?:\d{3})+(?!\d)))"};

bool is_punctuation_mark(char32_t c) noexcept {
  return is_ascii_punctuation(c) || is_punctuation(c);
}

Result<SplitBehavior> read_behavior(const JsonPlace& place, SplitBehavior fallback) {
  HEARTH_ASSIGN(const auto member, place.find("behavior"));
  if (!member) return fallback;
  HEARTH_ASSIGN(const std::string_view name, member->string());
  constexpr std::pair<std::string_view, SplitBehavior> kNames[] = {
      {"Removed", SplitBehavior::kRemoved},
      {"Isolated", SplitBehavior::kIsolated},
      {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
      {"MergedWithNext", SplitBehavior::kMergedWithNext},
      {"Contiguous", SplitBehavior::kContiguous}};
  for (const auto& [known, behavior] : kNames) {
    if (name == known) return behavior;
  }
  return member->unsupported("a behavior that Hearth knows");
}

// Parts of a text, one after another, some of which match: which of them become one piece. Calls
// emit(begin, end).
template <typename Emit>
class PartMerger {
 public:
  PartMerger(SplitBehavior behavior, const Emit& emit) : behavior_(behavior), emit_(emit) {}

  void add(size_t begin, size_t end, bool is_match) {
    switch (behavior_) {
      case SplitBehavior::kRemoved:
        if (!is_match) emit_(begin, end);
        return;
      case SplitBehavior::kIsolated:
        emit_(begin, end);
        return;
      case SplitBehavior::kMergedWithPrevious:
        join(begin, end, is_match && !previous_is_match_);
        break;
      case SplitBehavior::kMergedWithNext:
        join(begin, end, !is_match && previous_is_match_);
        break;
      case SplitBehavior::kContiguous:
        join(begin, end, is_match == previous_is_match_);
        break;
    }
    previous_is_match_ = is_match;
  }
  void finish() {
    if (open_) emit_(open_begin_, open_end_);
    open_ = false;
  }

 private:
  void join(size_t begin, size_t end, bool with_previous) {
    if (!(open_ && with_previous)) {
      finish();
      open_ = true;
      open_begin_ = begin;
    }
    open_end_ = end;
  }

  SplitBehavior behavior_;
  const Emit& emit_;
  bool previous_is_match_ = false;
  bool open_ = false;
  size_t open_begin_ = 0;
  size_t open_end_ = 0;
};

}  // namespace

Result<PreTokenization> PreTokenization::read(const JsonPlace& place) {
  PreTokenization result;
  HEARTH_TRY(result.add(place, 0));
  return result;
}

bool PreTokenization::gives_byte_alphabet() const noexcept {
  return std::any_of(steps_.begin(), steps_.end(),
                     [](const Step& step) { return step.kind == Kind::kByteAlphabet; });
}

void PreTokenization::give_bytes() {
  if (!steps_.empty() && steps_.back().kind == Kind::kByteAlphabet) steps_.pop_back();
  undo_byte_alphabet_ = gives_byte_alphabet();
}

Result<void> PreTokenization::add(const JsonPlace& place, int depth) {
  HEARTH_ASSIGN(const JsonPlace type_place, place.at("type"));
  HEARTH_ASSIGN(const std::string_view type, type_place.string());
  if (type == "Sequence") {
    if (depth == kMaxNesting) return place.unsupported("sequences that are not nested so deep");
    HEARTH_ASSIGN(const JsonPlace list, place.at("pretokenizers"));
    HEARTH_ASSIGN(const std::vector<JsonPlace> parts, list.elements());
    for (const JsonPlace& part : parts) HEARTH_TRY(add(part, depth + 1));
    return {};
  }
  if (steps_.size() >= kMaxSteps) return place.unsupported("fewer pre-tokenizers");
  if (type == "ByteLevel") return add_byte_level(place);
  if (type == "Split") return add_split(place);
  if (type == "Metaspace") return add_metaspace(place);
  if (type == "Whitespace") return add_expression(kWhitespaceExpression, SplitBehavior::kRemoved, true);
  if (type == "WhitespaceSplit") {
    add_characters(is_white_space, SplitBehavior::kRemoved);
    return {};
  }
  if (type == "BertPreTokenizer") {
    add_characters(is_bert_white_space, SplitBehavior::kRemoved);
    add_characters(is_bert_punctuation, SplitBehavior::kIsolated);
    return {};
  }
  if (type == "Punctuation") {
    HEARTH_ASSIGN(const SplitBehavior behavior, read_behavior(place, SplitBehavior::kIsolated));
    add_characters(is_punctuation_mark, behavior);
    return {};
  }
  if (type == "Digits") {
    HEARTH_ASSIGN(const bool one_by_one, place.flag_or("individual_digits", false));
    add_characters(is_numeric, one_by_one ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
    return {};
  }
  if (type == "CharDelimiterSplit") {
    HEARTH_ASSIGN(const JsonPlace delimiter, place.at("delimiter"));
    HEARTH_ASSIGN(const std::string_view character, delimiter.string());
    return add_expression(quote_for_regex(character), SplitBehavior::kRemoved, false);
  }
  return type_place.unsupported("a pre-tokenizer that Hearth knows");
}

Result<void> PreTokenization::add_expression(std::string_view expression, SplitBehavior behavior,
                                             bool invert) {
  Step step;
  HEARTH_ASSIGN(step.regex, Regex::compile(expression));
  step.behavior = behavior;
  step.invert = invert;
  steps_.push_back(std::move(step));
  return {};
}

void PreTokenization::add_characters(bool (*is_match)(char32_t) noexcept, SplitBehavior behavior) {
  Step step;
  step.kind = Kind::kCharacters;
  step.is_match = is_match;
  step.behavior = behavior;
  steps_.push_back(std::move(step));
}

Result<void> PreTokenization::add_byte_level(const JsonPlace& place) {
  HEARTH_ASSIGN(const bool add_prefix_space, place.flag_or("add_prefix_space", true));
  HEARTH_ASSIGN(const bool use_regex, place.flag_or("use_regex", true));
  if (add_prefix_space) {
    Step step;
    step.kind = Kind::kSpacePrefix;
    steps_.push_back(std::move(step));
  }
  if (use_regex) HEARTH_TRY(add_expression(kByteLevelExpression, SplitBehavior::kIsolated, false));
  Step step;
  step.kind = Kind::kByteAlphabet;
  steps_.push_back(std::move(step));
  return {};
}

Result<void> PreTokenization::add_split(const JsonPlace& place) {
  HEARTH_ASSIGN(const JsonPlace pattern, place.at("pattern"));
  HEARTH_ASSIGN(const auto expression, pattern.find("Regex"));
  Step step;
  HEARTH_ASSIGN(step.behavior, read_behavior(place, SplitBehavior::kIsolated));
  HEARTH_ASSIGN(step.invert, place.flag_or("invert", false));
  std::string_view text;
  if (expression) {
    HEARTH_ASSIGN(text, expression->string());
  }
  const bool is_digit_groups = step.behavior == SplitBehavior::kIsolated &&
                               std::find(std::begin(kDigitGroupExpressions), std::end(kDigitGroupExpressions),
                                         text) != std::end(kDigitGroupExpressions);
  if (is_digit_groups) {
    step.kind = Kind::kDigitGroups;
    HEARTH_ASSIGN(step.regex, Regex::compile(R"(\d+)"));
  } else {
    HEARTH_ASSIGN(step.regex, read_pattern(pattern));
  }
  steps_.push_back(std::move(step));
  return {};
}

Result<void> PreTokenization::add_metaspace(const JsonPlace& place) {
  Step step;
  step.kind = Kind::kMetaspace;
  HEARTH_ASSIGN(step.marker, place.string_or("replacement", "\u2581"));
  if (step.marker.empty() || decode_utf8(step.marker).length_bytes != step.marker.size()) {
    return place.malformed("a replacement of one character");
  }
  HEARTH_ASSIGN(const bool add_prefix_space, place.flag_or("add_prefix_space", true));
  HEARTH_ASSIGN(const std::string_view scheme,
                place.string_or("prepend_scheme", add_prefix_space ? "always" : "never"));
  if (scheme == "always") {
    step.scheme = PrependScheme::kAlways;
  } else if (scheme == "first") {
    step.scheme = PrependScheme::kFirst;
  } else if (scheme == "never") {
    step.scheme = PrependScheme::kNever;
  } else {
    return place.unsupported("a prepend_scheme of always, first or never");
  }
  HEARTH_ASSIGN(step.cuts, place.flag_or("split", true));
  HEARTH_ASSIGN(step.regex, Regex::compile(quote_for_regex(step.marker)));
  step.behavior = SplitBehavior::kMergedWithNext;
  steps_.push_back(std::move(step));
  return {};
}

PreTokenization::Session::Session(const PreTokenization& steps, WordEncoder::Session& encoder)
    : steps_(steps), encoder_(encoder), scratch_(steps.steps_.size()) {
  for (const Step& step : steps.steps_) matchers_.emplace_back(step.regex);
}

void PreTokenization::Session::encode(std::string_view text, bool at_start, std::vector<TokenId>& out) {
  while (!text.empty()) {
    const Utf8Run run_of_bytes = next_utf8_run(text);
    const std::string_view part = text.substr(0, run_of_bytes.size);
    if (run_of_bytes.valid) {
      run(0, part, at_start, out);
    } else {
      encoder_.encode(part, out);
    }
    text.remove_prefix(part.size());
    at_start = false;
  }
}

void PreTokenization::Session::emit(std::string_view word, std::vector<TokenId>& out) {
  if (steps_.undo_byte_alphabet_) {
    bytes_.clear();
    if (append_alphabet_bytes(word, bytes_)) word = bytes_;
  }
  encoder_.encode(word, out);
}

void PreTokenization::Session::run(size_t step, std::string_view piece, bool at_start,
                                   std::vector<TokenId>& out) {
  if (piece.empty()) return;
  if (step == steps_.steps_.size()) return emit(piece, out);
  std::string& scratch = scratch_[step];
  switch (steps_.steps_[step].kind) {
    case Kind::kExpression:
    case Kind::kCharacters:
      return split(step, piece, at_start, out);
    case Kind::kMetaspace:
      return run_metaspace(step, piece, at_start, out);
    case Kind::kDigitGroups:
      return group_digits(step, piece, at_start, out);
    case Kind::kSpacePrefix:
      if (piece.front() == ' ') return run(step + 1, piece, at_start, out);
      scratch.assign(1, ' ');
      scratch += piece;
      return run(step + 1, scratch, at_start, out);
    case Kind::kByteAlphabet:
      scratch.clear();
      for (const char c : piece) append_utf8(scratch, alphabet_character(static_cast<unsigned char>(c)));
      return run(step + 1, scratch, at_start, out);
  }
}

// next_match(from): the next part of `piece` at or after `from` that matches, which may be empty.
template <typename NextMatch>
void PreTokenization::Session::split_by(size_t step, std::string_view piece, bool at_start,
                                        std::vector<TokenId>& out, const NextMatch& next_match) {
  const bool invert = steps_.steps_[step].invert;
  const auto emit_part = [&](size_t begin, size_t end) {
    run(step + 1, piece.substr(begin, end - begin), at_start && begin == 0, out);
  };
  PartMerger merger(steps_.steps_[step].behavior, emit_part);
  size_t done = 0;
  std::optional<size_t> last_end;
  for (size_t at = 0; at <= piece.size();) {
    const std::optional<Regex::Match> match = next_match(at);
    if (!match) break;
    if (match->begin == match->end && last_end == match->end) {
      // An empty match right behind the last one is none: on by a character.
      if (at == piece.size()) break;
      at += decode_utf8(piece.substr(at)).length_bytes;
      continue;
    }
    if (match->begin > done) merger.add(done, match->begin, invert);
    merger.add(match->begin, match->end, !invert);
    at = done = match->end;
    last_end = match->end;
  }
  if (done < piece.size()) merger.add(done, piece.size(), invert);
  merger.finish();
}

void PreTokenization::Session::split(size_t step, std::string_view piece, bool at_start,
                                     std::vector<TokenId>& out) {
  const Step& what = steps_.steps_[step];
  if (what.kind == Kind::kCharacters) {
    return split_by(step, piece, at_start, out, [&](size_t at) -> std::optional<Regex::Match> {
      while (at < piece.size()) {
        const DecodedCharacter c = decode_utf8(piece.substr(at));
        if (what.is_match(c.code_point)) return Regex::Match{at, at + c.length_bytes};
        at += c.length_bytes;
      }
      return std::nullopt;
    });
  }
  split_by(step, piece, at_start, out, [&](size_t at) { return matchers_[step].find(piece, at); });
}

void PreTokenization::Session::run_metaspace(size_t step, std::string_view piece, bool at_start,
                                             std::vector<TokenId>& out) {
  const Step& what = steps_.steps_[step];
  std::string& marked = scratch_[step];
  marked.clear();
  const bool prepend =
      what.scheme == PrependScheme::kAlways || (what.scheme == PrependScheme::kFirst && at_start);
  const bool has_one = piece.front() == ' ' || piece.substr(0, what.marker.size()) == what.marker;
  if (prepend && !has_one) marked = what.marker;
  for (const char c : piece) {
    if (c == ' ') {
      marked += what.marker;
    } else {
      marked.push_back(c);
    }
  }
  if (!what.cuts) return run(step + 1, marked, at_start, out);
  split_by(step, marked, at_start, out, [&](size_t at) -> std::optional<Regex::Match> {
    const size_t found = marked.find(what.marker, at);
    if (found == std::string::npos) return std::nullopt;
    return Regex::Match{found, found + what.marker.size()};
  });
}

void PreTokenization::Session::group_digits(size_t step, std::string_view piece, bool at_start,
                                            std::vector<TokenId>& out) {
  std::vector<size_t> places;  // of the digits of one number, and its end
  Regex::Match number{0, 0};
  size_t next = 0;
  // Where the next group of three begins: an empty match, as the expression has it.
  split_by(step, piece, at_start, out, [&](size_t at) -> std::optional<Regex::Match> {
    while (true) {
      for (; next + 1 < places.size(); ++next) {
        if ((places.size() - 1 - next) % 3 == 0 && places[next] >= at)
          return Regex::Match{places[next], places[next]};
      }
      const auto found = matchers_[step].find(piece, std::max(at, number.end));
      if (!found || found->begin == found->end) return std::nullopt;
      number = *found;
      places.clear();
      next = 0;
      for (size_t place = number.begin; place < number.end;) {
        places.push_back(place);
        place += decode_utf8(piece.substr(place)).length_bytes;
      }
      places.push_back(number.end);
    }
  });
}

}  // namespace hearth::text
