#include "text/tools/answer_parser.h"

#include <algorithm>
#include <utility>

#include "text/tools/call_reader.h"
#include "text/tools/named_reader.h"

namespace hearth::text {
namespace {

constexpr std::string_view kBlankCharacters = " \t\r\n";

// What was read and is not yet known to be a call stays in the cursor. Where it turns out to be none it is
// text, and the search for a mark goes on where it stopped making sense: nothing is lost, and nothing is
// searched twice.
class AnswerParser final : public ToolCallParser {
 public:
  AnswerParser(const CallSyntax& syntax, std::span<const Tool> tools)
      : syntax_(syntax), types_(tools), state_(first_state(syntax)) {
    if (has_recipients()) {
      begins_.push_back(syntax.part_begin(syntax.text_recipient));
      for (const Tool& tool : tools) begins_.push_back(syntax.part_begin(tool.name));
      return;
    }
    if (!syntax.bare) begins_.emplace_back(syntax.begin());
    for (const std::string_view mark : syntax.longer_begins) {
      if (!mark.empty()) begins_.emplace_back(mark);
    }
  }

  std::vector<AnswerPart> push(std::string_view text) override {
    in_.push(text);
    return run();
  }

  std::vector<AnswerPart> finish() override {
    in_.end();
    std::vector<AnswerPart> parts = run();
    sink_.write_to(parts);
    if (state_ == State::kCall && sink_.begun()) {
      reader_->finish(in_, sink_);
    } else {
      in_.advance(in_.rest().size());
      write_read(parts);
    }
    if (!skips_space_) append_part(parts, AnswerPart::Kind::kText, space_);
    space_.clear();
    return parts;
  }

 private:
  enum class State {
    kBareStart,       // of an answer that may be a call
    kFirstRecipient,  // of an answer that goes on in the mark that the prompt ends with
    kText,
    kListBegin,
    kCallBegin,
    kCall,
    kCallEnd,
    kNextCall,
    kSectionEnd,
  };

  static State first_state(const CallSyntax& syntax) {
    if (!syntax.text_recipient.empty()) return State::kFirstRecipient;
    return syntax.bare ? State::kBareStart : State::kText;
  }
  bool has_recipients() const { return !syntax_.text_recipient.empty(); }

  std::vector<AnswerPart> run() {
    std::vector<AnswerPart> parts;
    sink_.write_to(parts);
    while (step(parts)) {
    }
    return parts;
  }

  // False where more text must come first.
  bool step(std::vector<AnswerPart>& parts) {
    if (state_ == State::kText) return text(parts);
    if (state_ == State::kCall) return call(parts);
    if (!in_.skip_space()) return false;
    switch (state_) {
      case State::kBareStart:
        return bare_start();
      case State::kFirstRecipient:
        return first_recipient();
      case State::kListBegin:
        return begin(in_.take("["), State::kCallBegin, parts);
      case State::kCallBegin:
        return begin(in_.take(call_mark()), State::kCall, parts);
      case State::kCallEnd:
        return end(in_.take_end(syntax_.call_end), after_call());
      case State::kNextCall:
        return next_call();
      case State::kSectionEnd:
        return end(in_.take_end(syntax_.section_end), State::kText);
      case State::kText:
      case State::kCall:
        break;
    }
    return false;
  }

  bool bare_start() {
    if (in_.rest().starts_with('{')) {
      enter(State::kCall);
    } else {
      in_.rewind();
      enter(State::kText);
    }
    return true;
  }

  bool first_recipient() {
    bool may_come = false;
    for (const std::string& begin : begins_) {
      const std::string_view line = std::string_view(begin).substr(syntax_.call_begin.size());
      if (in_.rest().starts_with(line)) {
        begin_part(begin, /*is_prompted=*/true);
        return true;
      }
      may_come = may_come || line.starts_with(in_.rest());
    }
    if (may_come && !in_.ended()) return false;
    in_.rewind();
    enter(State::kText);
    return true;
  }

  // A call's reader reads the name again.
  void begin_part(const std::string& begin, bool is_prompted) {
    const size_t n_prompted = is_prompted ? syntax_.call_begin.size() : 0;
    const bool is_text = begin == begins_.front();
    in_.advance((is_text ? begin.size() : syntax_.call_begin.size()) - n_prompted);
    if (is_text) in_.forget_read();
    enter(is_text ? State::kText : State::kCall);
  }

  bool text(std::vector<AnswerPart>& parts) {
    const std::string_view rest = in_.rest();
    size_t at = std::string_view::npos;
    const std::string* mark = nullptr;
    size_t held = 0;
    for (const std::string& begin : begins_) {
      const size_t found = rest.find(begin);
      if (found < at) {
        at = found;
        mark = &begin;
      }
      held = std::max(held, held_for(rest, begin));
    }
    if (in_.ended()) held = 0;
    // A longer mark may yet come that began before the one that is there.
    const bool found = mark != nullptr && at <= rest.size() - held;
    in_.advance(found ? at : rest.size() - held);
    write_read(parts);
    if (!found) return false;
    if (has_recipients()) {
      begin_part(*mark, /*is_prompted=*/false);
      return true;
    }
    in_.advance(mark->size());
    enter(syntax_.list ? State::kListBegin : State::kCallBegin);
    return true;
  }

  // The mark of a call that is not the one that began the calls.
  std::string_view call_mark() const {
    return syntax_.section_begin.empty() ? std::string_view() : syntax_.call_begin;
  }

  bool begin(Cursor::Match match, State next, std::vector<AnswerPart>& parts) {
    if (match == Cursor::Match::kMore) return false;
    if (match == Cursor::Match::kYes) {
      enter(next);
    } else {
      give_up(parts);
    }
    return true;
  }

  // An end mark that is missing does no harm.
  bool end(Cursor::Match match, State next) {
    if (match == Cursor::Match::kMore) return false;
    in_.forget_read();
    enter(next);
    return true;
  }

  State after_call() const { return syntax_.section_begin.empty() ? State::kText : State::kNextCall; }

  bool call(std::vector<AnswerPart>& parts) {
    const Progress progress = reader_->read(in_, sink_);
    if (sink_.begun()) {
      in_.forget_read();
      space_.clear();
      skips_space_ = true;
    }
    if (progress == Progress::kMore) return false;
    if (progress == Progress::kBroken) {
      give_up(parts);
    } else {
      enter(syntax_.call_end.empty() ? after_call() : State::kCallEnd);
    }
    return true;
  }

  bool next_call() {
    if (syntax_.list) {
      if (in_.take(",") == Cursor::Match::kYes) {
        enter(State::kCallBegin);
        return true;
      }
      const bool ends = in_.take("]") == Cursor::Match::kYes && !syntax_.section_end.empty();
      return end(Cursor::Match::kYes, ends ? State::kSectionEnd : State::kText);
    }
    const Cursor::Match next = in_.take(syntax_.call_begin);
    if (next == Cursor::Match::kYes) {
      enter(State::kCall);
      return true;
    }
    const Cursor::Match last = in_.take_end(syntax_.section_end);
    if (last != Cursor::Match::kYes && next == Cursor::Match::kMore) return false;
    return end(last, State::kText);
  }

  void enter(State state) {
    state_ = state;
    if (state != State::kCall) return;
    sink_.next_call();
    reader_ = syntax_.carrier == CallCarrier::kObject ? make_object_reader(syntax_, types_)
                                                      : make_named_reader(syntax_, types_);
  }

  // What was read is no call.
  void give_up(std::vector<AnswerPart>& parts) {
    write_read(parts);
    enter(State::kText);
  }

  // What was read is text. White space at its end waits for what follows: before and after calls it is none.
  void write_read(std::vector<AnswerPart>& parts) {
    std::string_view text = in_.read();
    if (skips_space_) text.remove_prefix(std::min(text.find_first_not_of(kBlankCharacters), text.size()));
    const size_t last = text.find_last_not_of(kBlankCharacters);
    if (last != std::string_view::npos) {
      append_part(parts, AnswerPart::Kind::kText, std::exchange(space_, {}));
      append_part(parts, AnswerPart::Kind::kText, text.substr(0, last + 1));
      skips_space_ = false;
    }
    space_ += text.substr(last + 1);
    in_.forget_read();
  }

  const CallSyntax& syntax_;
  const ToolTypes types_;
  std::vector<std::string> begins_;  // where parts have recipients: a text's before the tools'
  State state_;
  Cursor in_;
  CallSink sink_;
  std::unique_ptr<CallReader> reader_;
  bool skips_space_ = false;  // nothing but white space since a call
  std::string space_;         // that may be dropped
};

}  // namespace

std::unique_ptr<ToolCallParser> make_answer_parser(const CallSyntax& syntax, std::span<const Tool> tools) {
  return std::make_unique<AnswerParser>(syntax, tools);
}

}  // namespace hearth::text
