// Texts and conversations to train on, as they lie in files and folders.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "text/chat/conversation.h"

namespace hearth::text {

// A text, a part of a long one, or a conversation. Views live as long as the call that gives them.
struct Document {
  std::string_view where;             // "tales/fox.jsonl:12", for messages
  std::string_view text;              // UTF-8, without NUL
  bool continues = false;             // the text goes on from the part before
  std::vector<ChatMessage> messages;  // of a conversation, which has no text
};

// An error ends the reading, and is what its caller returns.
using TakeDocument = std::function<Result<void>(const Document&)>;

// What may be taken at a time.
struct DocumentLimits {
  size_t part_bytes = size_t{1} << 20U;   // of a text
  size_t line_bytes = size_t{16} << 20U;  // of .jsonl
};

// The files that `path` means: itself, or, of a folder, the .txt, .md and .jsonl files in it and in the
// folders below, in the order of their names. What begins with a dot is left out, and so are links to
// folders. kNotFound; kInvalidArgument for what is neither, and for a folder without any; kIo.
Result<std::vector<std::filesystem::path>> find_document_files(const std::filesystem::path& path);

// A line of a .jsonl file is {"text": TEXT} or {"messages": [{"role", "content"}, ...]}, where a content may
// be null; other members are left alone. Any other file is one text, or several with a line "<|endoftext|>"
// between them, without the line ends around each. Of a text that is longer than a part may be, parts end
// with a line, where neither that nor the next one has white space at this place, if there is such a place:
// there, every pre-tokenizer that looks no further than a line cuts as well. Of a line that is longer,
// between characters. A byte order mark is left out.
//
// The file is mapped, not read into memory. Errors name it: kNotFound, kIo; kInvalidArgument for what is no
// regular file; kMalformed, with the byte, for what is no UTF-8 and for a NUL, and, with the line, for one of
// .jsonl that is none of the above; kResourceExhausted for a line of .jsonl that is too long.
Result<void> read_documents(const std::filesystem::path& file, const TakeDocument& take,
                            const DocumentLimits& limits = {});

// The same of bytes in memory, of a file that is called so.
Result<void> parse_documents(const std::string& name, std::string_view bytes, const TakeDocument& take,
                             const DocumentLimits& limits = {});

}  // namespace hearth::text
