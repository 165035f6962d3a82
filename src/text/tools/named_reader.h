// Calls that name the tool between marks: the arguments are read by one of these.
#pragma once

#include <memory>
#include <string>

#include "text/tools/call_reader.h"

namespace hearth::text {

// Reads the arguments of a call whose name is known, and begins the call in `out` once they make sense.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  virtual Progress read(Cursor& in, CallSink& out) = 0;
  virtual void finish(Cursor& /*in*/, CallSink& /*out*/) {}
};

std::unique_ptr<BodyReader> make_parameters_reader(const CallSyntax& syntax, const ToolTypes& types,
                                                   std::string tool);
std::unique_ptr<BodyReader> make_literals_reader(const CallSyntax& syntax, std::string tool);

// The JSON value that a word stands for: a number, a JSON or a Python word; otherwise the text itself.
std::string json_of_word(std::string_view word);

// How many bytes at the end of `text` can be the beginning of `mark`.
size_t held_for(std::string_view text, std::string_view mark);

}  // namespace hearth::text
