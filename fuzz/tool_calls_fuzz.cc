// Any answer, in any syntax and cut anywhere, is the same text and calls; a call that ends has a JSON object.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "text/tools/json_scanner.h"
#include "text/tools/tool_calls.h"

namespace {

using hearth::text::AnswerPart;

// A template of each mechanism and way of being marked.
constexpr std::array<std::string_view, 15> kTemplates{
    "<tool_call></tool_call>",
    "[TOOL_CALLS]",
    "[TOOL_CALLS][CALL_ID][ARGS]",
    "<|start_header_id|>{\"name\": \"parameters\": ",
    "<tool_call><function=<parameter=",
    "<tool_call><arg_key><arg_value>",
    "<｜DSML｜invoke function_calls",
    "<|tool_call>call:<tool_call|>",
    "<|tool_call_start|><|tool_call_end|>",
    "<|channel|>commentary to=functions.",
    "<｜tool▁sep｜>",
    "<|tools_prefix|><|tools_suffix|>",
    "'>>>all\\n' >>>${recipient} '\\n\\n>>>'",
    "<use_mcp_tool><server_name><tool_name>",
    "<|tool_calls_section_begin|>",
};

class Collector {
 public:
  void add(const std::vector<AnswerPart>& parts) {
    for (const AnswerPart& part : parts) {
      const bool goes_on = part.kind == last_ && part.kind != AnswerPart::Kind::kCall;
      if (!goes_on) all_ += static_cast<char>('0' + static_cast<int>(part.kind));
      all_ += part.text;
      last_ = part.kind;
      if (part.kind == AnswerPart::Kind::kCall) arguments_.clear();
      if (part.kind == AnswerPart::Kind::kArguments) arguments_ += part.text;
      std::string scanned;
      if (part.kind == AnswerPart::Kind::kCallEnd &&
          (!hearth::text::is_json(arguments_, scanned) ||
           arguments_[arguments_.find_first_not_of(" \t\r\n")] != '{')) {
        __builtin_trap();
      }
    }
  }
  const std::string& all() const { return all_; }

 private:
  std::string all_;
  std::string arguments_;
  AnswerPart::Kind last_ = AnswerPart::Kind::kCallEnd;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const auto format = hearth::text::find_tool_format(kTemplates[data[0] % kTemplates.size()]);
  if (!format) __builtin_trap();
  const size_t piece = 1 + data[1] % 16;
  const std::string_view answer(reinterpret_cast<const char*>(data + 2), size - 2);
  static const std::array<hearth::text::Tool, 1> tools{
      {{"f", R"({"type": "object", "properties": {"s": {"type": "string"}, "n": {"type": "integer"}}})"}}};

  Collector whole;
  const auto parser = format->parser(tools);
  whole.add(parser->push(answer));
  whole.add(parser->finish());
  Collector pieces;
  const auto again = format->parser(tools);
  for (size_t at = 0; at < answer.size(); at += piece) pieces.add(again->push(answer.substr(at, piece)));
  pieces.add(again->finish());
  if (whole.all() != pieces.all()) __builtin_trap();
  return 0;
}
