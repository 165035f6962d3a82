// A tokenizer.json of any content is refused or usable: every text is encoded to ids that are in range and
// decoded again. The input: the JSON, a zero, tokenizer_config.json, a zero, the text to encode.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "text/tokenizer/huggingface/huggingface.h"

namespace {

std::string_view take_part(std::string_view& rest) {
  const size_t end = std::min(rest.find('\0'), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  hearth::text::HuggingFaceFiles files;
  files.tokenizer = take_part(rest);
  files.tokenizer_config = take_part(rest);
  files.eos_ids = {1};
  const auto made = hearth::text::tokenizer_from_json(files);
  if (!made) return 0;
  const hearth::text::Tokenizer& tokenizer = *made->tokenizer;
  for (const bool parse_special : {false, true}) {
    const auto ids =
        tokenizer.encode(rest.substr(0, 4096), {.add_special = true, .parse_special = parse_special});
    for (const auto id : ids) HEARTH_CHECK(id >= 0 && id < tokenizer.vocabulary_size());
    static_cast<void>(tokenizer.decode(ids));
  }
  return 0;
}
