// How families write their calls, as data. Three mechanisms read and constrain what these describe.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::text {

// What carries a call's name and arguments.
enum class CallCarrier {
  kObject,      // a JSON object with both: {"name": "f", "arguments": {...}}
  kJson,        // the name between marks, then the arguments as a JSON object
  kParameters,  // the name between marks, then each argument between marks
  kLiterals,    // the name, then the arguments as literals that are not JSON's: {city:<|"|>Paris<|"|>}
};

// What may stand between two marks: an identifier of the call, a content type.
struct CallFiller {
  std::array<std::string_view, 4> texts{};  // one of these ("" where none is given), then
  std::string_view characters{};            // so many of these: "0-9", "a-z"
  uint32_t min = 0;
  uint32_t max = 0;
  std::string_view end{};  // then this mark, where there is one: </server_name>
};

struct ObjectCarrier {
  std::string_view name_key{};  // empty: the one key is the name, its value the arguments
  std::string_view arguments_key{};
  std::string_view id_key{};  // a string that may be there too; empty: none
  bool id_first = false;
};

struct ParametersCarrier {
  std::string_view key_begin{};  // <parameter=
  std::string_view key_end{};    // >
  std::string_view value_begin{};
  std::string_view value_end{};  // </parameter>
  std::string_view end{};        // </function>, after the last one
  bool lines = false;  // a value stands on lines of its own: one line break before and after is not its
  bool typed = false;  // string="true"> or string="false"> stands for value_begin
  bool python_words = false;  // True, False and None are written for true, false and null
};

struct LiteralsCarrier {
  std::string_view quote{};    // of strings, with no escapes within; empty: Python's
  std::string_view key_end{};  // of the outermost keys
  std::string_view end{};      // after the last argument
  bool sorted = false;         // the arguments stand in the order of their names
};

// A dialogue's calls: section_begin, calls, section_end; in a list [call, call]; each in call_begin and
// call_end. What is empty is not there. White space may stand between any two of these.
struct CallSyntax {
  std::string_view name{};
  // The texts that a template must contain for this syntax, and the one that it must not.
  std::array<std::string_view, 3> evidence{};
  std::string_view counter_evidence{};

  CallCarrier carrier = CallCarrier::kObject;
  std::string_view section_begin{};
  std::string_view section_end{};
  bool list = false;
  std::string_view call_begin{};
  std::string_view call_end{};
  bool may_omit_end = false;  // the last end mark ends the answer as well, and may not be seen
  bool one_call = false;      // the template refuses several
  bool bare = false;          // no mark: an answer that begins as a call is one
  // Other texts with which calls may begin, where the mark itself ends each of them.
  std::array<std::string_view, 2> longer_begins{};
  std::string_view after_text{};  // may stand between text and calls
  // Not empty: texts begin with a mark, too. An answer is parts, each behind call_begin and the line with
  // whom it is for: a tool, or this. The prompt ends with the first part's call_begin.
  std::string_view text_recipient{};

  // For all carriers but kObject: before_name, name_begin, the name, after_name, arguments_begin.
  CallFiller before_name{};
  std::string_view name_begin{};
  CallFiller after_name{};
  std::string_view arguments_begin{};

  ObjectCarrier object{};
  ParametersCarrier parameters{};
  LiteralsCarrier literals{};

  // The mark that begins the calls.
  constexpr std::string_view begin() const { return section_begin.empty() ? call_begin : section_begin; }
  // What begins a part for `recipient`.
  std::string part_begin(std::string_view recipient) const {
    return std::string(call_begin) + std::string(recipient) + "\n";
  }
};

// The syntax of a template's source; null where none is known.
const CallSyntax* find_call_syntax(std::string_view template_source);

}  // namespace hearth::text
