#include "text/tokenizer/special_tokens.h"

#include <algorithm>

namespace hearth::text {

SpecialTokens::SpecialTokens(const SymbolTable& symbols, std::vector<TokenId> ids) : sorted_(std::move(ids)) {
  std::erase_if(sorted_, [&](TokenId id) { return symbols.bytes(id).empty(); });
  std::stable_sort(sorted_.begin(), sorted_.end(),
                   [&](TokenId a, TokenId b) { return symbols.bytes(a) < symbols.bytes(b); });
  for (const TokenId id : sorted_) begins_token_[static_cast<unsigned char>(symbols.bytes(id)[0])] = true;
}

std::optional<SpecialTokens::Match> SpecialTokens::find(const SymbolTable& symbols, std::string_view text,
                                                        size_t from) const noexcept {
  if (sorted_.empty()) return std::nullopt;
  for (size_t at = from; at < text.size(); ++at) {
    if (!begins_token_[static_cast<unsigned char>(text[at])]) continue;
    if (const auto match = match_at(symbols, text, at)) return match;
  }
  return std::nullopt;
}

// Narrows the sorted tokens to those that agree with the text in one more byte, until none is left.
std::optional<SpecialTokens::Match> SpecialTokens::match_at(const SymbolTable& symbols, std::string_view text,
                                                            size_t at) const noexcept {
  std::optional<Match> longest;
  auto begin = sorted_.begin();
  auto end = sorted_.end();
  for (size_t depth = 0; begin != end; ++depth) {
    // A token that ends here sorts before those that go on.
    if (symbols.bytes(*begin).size() == depth) {
      longest = Match{at, depth, *begin};
      while (begin != end && symbols.bytes(*begin).size() == depth) ++begin;
    }
    if (at + depth == text.size()) break;
    const auto byte = static_cast<unsigned char>(text[at + depth]);
    const auto byte_of = [&](TokenId id) { return static_cast<unsigned char>(symbols.bytes(id)[depth]); };
    begin = std::partition_point(begin, end, [&](TokenId id) { return byte_of(id) < byte; });
    end = std::partition_point(begin, end, [&](TokenId id) { return byte_of(id) == byte; });
  }
  return longest;
}

bool is_end_marker(std::string_view text) noexcept {
  static constexpr std::string_view kMarkers[] = {
      "</s>",                   // Llama 2, Mistral
      "<|end_of_text|>",        // Llama 3, Granite
      "<|eot_id|>",             // Llama 3: end of turn
      "<|eom_id|>",             // Llama 3: end of message, a tool's turn
      "<|endoftext|>",          // GPT-2, Qwen, Phi
      "<|im_end|>",             // ChatML: Qwen, SmolLM, Yi
      "<|end|>",                // Phi-3; of gpt-oss only the end of a message: see vocabulary.cc
      "<|return|>",             // gpt-oss
      "<|call|>",               // gpt-oss: hands over to a tool
      "<|flush|>",              // Solar Open
      "<|calls|>",              // Solar Open
      "<end_of_turn>",          // Gemma 2, 3
      "<eos>",                  // Gemma
      "<turn|>",                // Gemma 4
      "<|tool_response>",       // Gemma 4: hands over to a tool
      "<EOT>",                  // CodeLlama
      "_<EOT>",                 // CodeLlama, converted
      "[EOT]",                  // Kimi K2
      "[EOS]",                  // Kimi K2
      "[e~[",                   // MiniMax M2
      "<end_of_utterance>",     // SmolVLM, SmolDocling
      "<|END_OF_TURN_TOKEN|>",  // Command R
      "<|endofturn|>",          // EXAONE, HyperCLOVA
      "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",  // DeepSeek
  };
  return std::find(std::begin(kMarkers), std::end(kMarkers), text) != std::end(kMarkers);
}

}  // namespace hearth::text
