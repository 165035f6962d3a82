// Reading one call, as it comes: what the mechanisms share, and where each begins.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tools/argument_types.h"
#include "text/tools/call_syntax.h"
#include "text/tools/json_scanner.h"
#include "text/tools/tool_calls.h"

namespace hearth::text {

// The part of an answer that has come and was not passed on yet, and how far it was read.
class Cursor {
 public:
  enum class Match { kYes, kNo, kMore };

  void push(std::string_view text) { text_ += text; }
  void end() { ended_ = true; }
  bool ended() const noexcept { return ended_; }  // nothing more will come

  std::string_view rest() const { return std::string_view(text_).substr(at_); }
  std::string_view read() const { return std::string_view(text_).substr(0, at_); }
  void advance(size_t n_bytes) { at_ += n_bytes; }
  void rewind() { at_ = 0; }  // to what was not forgotten
  void forget_read();         // what was read is passed on, or no text

  // Advances to what is no white space; false where that has not come yet.
  bool skip_space();
  // Advances behind `literal` where it stands here.
  Match take(std::string_view literal);
  // The same for a mark that ends something: the end of the answer may cut it.
  Match take_end(std::string_view literal);

 private:
  std::string text_;
  size_t at_ = 0;
  bool ended_ = false;
};

// What a call's reader has found. A call that was begun is never taken back.
class CallSink {
 public:
  void next_call() { begun_ = false; }
  void write_to(std::vector<AnswerPart>& parts) { parts_ = &parts; }

  void begin(std::string name);
  void arguments(std::string_view json);
  void end();
  bool begun() const noexcept { return begun_; }

 private:
  std::vector<AnswerPart>* parts_ = nullptr;
  bool begun_ = false;
};

// Appends to the last part where that is of the kind.
void append_part(std::vector<AnswerPart>& parts, AnswerPart::Kind kind, std::string_view text);

enum class Progress { kMore, kDone, kBroken };

// Reads one call behind its begin mark. After kBroken the cursor stands where it stopped making sense.
class CallReader {
 public:
  virtual ~CallReader() = default;
  virtual Progress read(Cursor& in, CallSink& out) = 0;
  // The answer ended within the call: what was held back belongs to its arguments.
  virtual void finish(Cursor& /*in*/, CallSink& /*out*/) {}
};

// `types` must outlive the reader.
std::unique_ptr<CallReader> make_object_reader(const CallSyntax& syntax, const ToolTypes& types);
std::unique_ptr<CallReader> make_named_reader(const CallSyntax& syntax, const ToolTypes& types);

// Arguments that are JSON: an object, which is passed on as it comes, or a string that contains one; null for
// none.
class ArgumentsReader {
 public:
  // Appends to `json`. Nothing was appended where the beginning made no sense.
  Progress read(Cursor& in, std::string& json);

 private:
  enum class Form { kUnknown, kObject, kString };
  Form form_ = Form::kUnknown;
  JsonScanner scanner_;
  std::string string_;
};

// The text of a JSON string with its quotes; nothing for what is none.
std::optional<std::string> json_string_value(std::string_view json);

// What a tool may be called: 1 to 128 of these.
bool is_tool_name_character(char c);
constexpr size_t kMaxToolName = 128;

}  // namespace hearth::text
