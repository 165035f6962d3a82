// A vocabulary of any entries is refused or usable: every text is encoded to ids that are in range and
// decoded again. The input, byte by byte: model and flags, pre-tokenizer, four special ids, number of tokens;
// each token as type, score, length, text; number of merges, each as length and text; of a Unigram vocabulary
// its charsmap as length and bytes; the rest is the text to encode.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "text/tokenizer/pre_tokenizer.h"
#include "text/tokenizer/tokenizer.h"

namespace {

using hearth::text::Tokenizer;
using hearth::text::VocabularySource;

class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}

  uint8_t byte() {
    const std::string_view one = take(1);
    return one.empty() ? uint8_t{0} : static_cast<uint8_t>(one[0]);
  }
  std::string_view string() { return take(byte()); }
  std::string_view take(size_t n) {
    const std::string_view front = rest_.substr(0, n);
    rest_.remove_prefix(front.size());
    return front;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

VocabularySource read_vocabulary(Input& input) {
  VocabularySource source;
  const uint8_t flags = input.byte();
  source.model = (flags & 1) != 0 ? "llama" : "gpt2";
  source.special_swallows_space = (flags & 2) != 0;
  if ((flags & 4) != 0) source.add_bos = (flags & 8) != 0;
  if ((flags & 16) != 0) source.add_eos = (flags & 32) != 0;
  if ((flags & 64) != 0) source.add_space_prefix = (flags & 128) != 0;
  const auto rules = hearth::text::pre_tokenizer_rules();
  const uint8_t pre = input.byte();
  source.pre = rules[pre % rules.size()].names.front();
  if (pre >= 240) source.model = pre >= 248 ? "bert" : "t5";
  // 255 leaves one absent, 254 is far out of range.
  for (std::optional<int64_t>* id : {&source.bos, &source.eos, &source.eot, &source.unknown}) {
    const uint8_t value = input.byte();
    if (value != 255) *id = value == 254 ? int64_t{1} << 40 : value;
  }
  for (int n = input.byte(); n > 0; --n) {
    source.types.push_back(input.byte() % 8);
    source.scores.push_back(static_cast<float>(static_cast<int8_t>(input.byte())));
    source.tokens.push_back(input.string());
  }
  for (int n = input.byte(); n > 0; --n) source.merges.push_back(input.string());
  if (source.model == "t5") source.precompiled_charsmap = input.string();
  return source;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input input({reinterpret_cast<const char*>(data), size});
  const VocabularySource source = read_vocabulary(input);
  const auto created = Tokenizer::create(source);
  if (!created) return 0;
  const Tokenizer& tokenizer = **created;
  for (const bool parse_special : {false, true}) {
    const auto ids = tokenizer.encode(input.rest(), {.add_special = true, .parse_special = parse_special});
    for (const auto id : ids) HEARTH_CHECK(id >= 0 && id < tokenizer.vocabulary_size());
    static_cast<void>(tokenizer.decode(ids));
  }
  return 0;
}
