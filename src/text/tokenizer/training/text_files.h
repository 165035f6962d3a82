// Texts to train a tokenizer on, out of files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace hearth::text {

// What of a file is in memory at a time. A longer line is an error.
struct TextFileLimits {
  size_t piece_bytes = size_t{1} << 20U;
  size_t line_bytes = size_t{16} << 20U;
};

// Takes the next text, which is UTF-8. An error ends the reading, and is what its caller returns.
using TextSink = std::function<Result<void>(std::string_view)>;

// The files that `path` means: itself, or, of a folder, all *.txt, *.md and *.jsonl in it and in the folders
// below, links to folders apart, sorted by their paths. kNotFound where there is nothing, kInvalidArgument
// for what is neither or has none, kIo.
Result<std::vector<std::filesystem::path>> find_text_files(const std::filesystem::path& path);

// Of *.jsonl, gives the sink the strings of each line: "text" of an object, or "content" of each of its
// "messages". Any other file is one text: of one beyond limits.piece_bytes the sink gets pieces, which end
// with a line, where both it and the next one have no white space at that place if there is such a place.
// There, every pre-tokenizer that looks no further than a line cuts as well. A byte order mark is left out.
//
// kNotFound, kIo; kMalformed, with the byte, for what is no UTF-8 or has a NUL byte, and, with the line, for
// one of *.jsonl that is not as above; kResourceExhausted for a line that is too long. All name the file, as
// do the sink's.
Result<void> read_texts(const std::filesystem::path& file, const TextSink& sink,
                        const TextFileLimits& limits = {});

}  // namespace hearth::text
