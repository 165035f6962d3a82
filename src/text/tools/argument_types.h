// What tools' schemas say of their arguments' types, where a syntax leaves strings without quotes.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>

#include "text/tools/tool_calls.h"

namespace hearth::text {

// A set of JSON's types.
class ArgumentTypes {
 public:
  static ArgumentTypes all() { return ArgumentTypes(0x3F); }
  static ArgumentTypes none() { return ArgumentTypes(0); }
  static ArgumentTypes of(const nlohmann::ordered_json& value);
  // By its name in schemas; none for an unknown one.
  static ArgumentTypes named(std::string_view type);

  bool text() const { return (bits_ & kText) != 0; }
  bool other() const { return (bits_ & ~kText) != 0; }
  bool contains(const ArgumentTypes& all) const { return (all.bits_ & ~bits_) == 0; }
  ArgumentTypes& operator|=(const ArgumentTypes& more) { return bits_ |= more.bits_, *this; }
  ArgumentTypes& operator&=(const ArgumentTypes& only) { return bits_ &= only.bits_, *this; }

 private:
  static constexpr uint8_t kText = 1;
  explicit ArgumentTypes(uint8_t bits) : bits_(bits) {}

  uint8_t bits_;
};

// What `schema`, which stands in `root`, admits as far as its own words say: anything more particular is for
// the grammar to hold.
ArgumentTypes types_of_argument(const nlohmann::ordered_json& schema, const nlohmann::ordered_json& root);

// Of the tools' arguments, by names. Immutable.
class ToolTypes {
 public:
  explicit ToolTypes(std::span<const Tool> tools);
  // Any, where there are none.
  bool knows(std::string_view tool) const { return types_.empty() || types_.contains(tool); }
  ArgumentTypes of(std::string_view tool, std::string_view argument) const;

 private:
  std::map<std::string, std::map<std::string, ArgumentTypes, std::less<>>, std::less<>> types_;
};

}  // namespace hearth::text
