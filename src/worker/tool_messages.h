// Calls of tools in the messages of a conversation, as the model's chat template wants them: templates do not
// agree.
#pragma once

#include <string>

#include "text/chat/chat_format.h"

namespace hearth::worker {

// A conversation in the form of the protocol, in which the arguments of calls are objects and contents are
// texts. What the template cannot take so is put as it can: arguments as their JSON text, contents that are
// null, ids of nine letters and digits. That is found out by rendering a small conversation with a call, and
// never by a model's name. Where the template takes it in no form, or the conversation has no calls, it stays
// as it is.
std::string fit_tool_messages(const text::ChatFormat& format, const std::string& conversation_json);

}  // namespace hearth::worker
