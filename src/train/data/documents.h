// What models are trained on, as it lies in files and folders.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/chat/conversation.h"

namespace hearth::train {

// A text, a part of a long one, or a conversation. Views live as long as the call that gives them.
struct Document {
  std::string_view where;                   // "tales/fox.jsonl:12", for messages
  std::string_view text;                    // UTF-8, without NUL
  bool continues = false;                   // the text goes on from the part before
  std::vector<text::ChatMessage> messages;  // of a conversation, which has no text
};

// An error ends the reading, and is what its caller returns.
using TakeDocument = std::function<Result<void>(const Document&)>;

struct ReadReport {
  uint64_t n_files = 0;
  uint64_t n_bytes = 0;
  uint64_t n_left_out = 0;  // files of folders, of kinds that are not read
};

// A text file is one text, or several with a line "<|endoftext|>" between them; long ones come in parts of
// about a megabyte. A line of a .jsonl file is {"text": TEXT} or {"messages": [{"role", "content"}, ...]};
// other members are left alone. Of a folder and those in it, .txt, .md and .jsonl files are read in the order
// of their names; what begins with a dot is left out.
//
// Files are mapped, not read into memory. Errors say file and line or byte: kNotFound, kIo; kMalformed for
// bytes that are no UTF-8, for a NUL ("a binary file"), for what is no such line; kResourceExhausted for a
// line of .jsonl of more than 16 MiB; kInvalidArgument for a folder without any file to read.
Result<ReadReport> read_documents(const std::filesystem::path& path, const TakeDocument& take);

}  // namespace hearth::train
