// Bodies that clients compress.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::server::http {

// Decodes one body, which comes in parts. For one thread.
class ContentDecoder {
 public:
  virtual ~ContentDecoder() = default;

  // Appends to `out` what `part` decodes to. kMalformed; kResourceExhausted as soon as `out` would become
  // larger than `limit_bytes`, however little was sent to say so.
  virtual Result<void> decode(std::string_view part, std::string& out, size_t limit_bytes) = 0;
  // Whether the body may end here.
  virtual Result<void> finish() const = 0;
};

// coding: the value of Content-Encoding: "gzip" (x-gzip), "deflate", "zstd", "identity" or nothing. Anything
// else, and several of them, is kUnsupported.
Result<std::unique_ptr<ContentDecoder>> make_content_decoder(std::string_view coding);

}  // namespace hearth::server::http
