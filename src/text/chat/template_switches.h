// What a chat template can be told, read from its source: the names that it reads from its context. Not those
// that it sets before, nor attributes or arguments. A source that is no template has none. Of a template in
// Go's language, the fields that it names.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/chat_template/value.h"

namespace hearth::text {

// Whether it puts the tools that it is given before the model.
bool template_knows_tools(std::string_view template_source);
// Whether it knows marks of thinking (find_reasoning_format) or has a switch for it.
bool template_knows_thinking(std::string_view template_source);
// Whether it has a place for what follows the text that the model is to write. Looks for the word alone, so
// that it may be asked of a stranger's template anywhere.
bool template_knows_suffix(std::string_view template_source);

// What a template's context gets for a wish to think or not, and how much: entries for those of its switches
// that are known to us (enable_thinking, thinking, reasoning, add_thoughts: yes or no; reasoning_effort: one
// of its words; thinking_budget: 0 for none), or what OllamaTemplate::render takes. `effort` is "low",
// "medium", "high", or empty for the template's own. Empty where the template cannot be told.
std::vector<std::pair<std::string, Value>> think_switches(std::string_view template_source, bool enabled,
                                                          std::string_view effort);

}  // namespace hearth::text
