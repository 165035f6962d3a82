// A parsed Go template. Everything is a value, so that a tree can be copied and changed.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "text/go_template/value.h"

namespace hearth::text::go_template {

// In a template's source; both count from 1, columns in bytes.
struct Position {
  uint32_t line = 1;
  uint32_t column = 1;
};

struct Pipeline;

struct Operand {
  enum class Kind : uint8_t {
    kDot,
    kNil,
    kConstant,  // value
    kField,     // names: .A.B
    kVariable,  // names: $x, A, B
    kFunction,  // names: its name
    kPipeline,  // in parentheses: inner
    kChain,     // names of fields of inner: (...).A.B
  };

  Kind kind = Kind::kDot;
  Position at{};
  std::string text{};  // as it stands in the source, for messages
  Value value{};
  std::vector<std::string> names{};
  // No initialisers: clang 14 would need Pipeline to be whole for them.
  std::vector<Pipeline> inner;      // none or one
  std::vector<Operand> inner_term;  // none or one: what a chain that begins with a function begins with
};

// The first is what is called or named, the others are its arguments.
struct Command {
  std::vector<Operand> operands;
};

struct Pipeline {
  Position at{};
  bool assigns = false;  // `=`: to variables that are there
  std::vector<std::string> variables{};
  std::vector<Command> commands{};
};

struct Node {
  enum class Kind : uint8_t { kText, kAction, kIf, kRange, kWith, kTemplate, kBreak, kContinue };

  Kind kind = Kind::kText;
  Position at{};
  std::string text{};                // of kText; the name that kTemplate calls
  std::vector<Pipeline> pipeline{};  // one, or none of kTemplate, kText, kBreak, kContinue
  std::vector<Node> body{};
  std::vector<Node> otherwise{};  // behind `else`
};

using NodeList = std::vector<Node>;

struct Tree {
  NodeList root{};
  std::map<std::string, NodeList, std::less<>> defined{};  // by `define` and `block`
};

}  // namespace hearth::text::go_template
