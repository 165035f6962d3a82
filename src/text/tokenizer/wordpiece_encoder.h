// WordPiece: a word is its longest beginning that is a token, then the longest continuation, and so on; a
// word that cannot be spelled so is the unknown token. Source: google-research/bert, tokenization.py
// (WordpieceTokenizer).
#pragma once

#include <string>

#include "text/tokenizer/vocabulary.h"
#include "text/tokenizer/word_encoder.h"

namespace hearth::text {

// How the vocabulary writes the two kinds of pieces: "##ing" continues a word in BERT's own files; " the"
// begins one in a GGUF.
struct WordPieceSpelling {
  std::string begin_prefix;
  std::string continuation_prefix;
  size_t max_word_characters = 100;  // a longer word is unknown as a whole
};

// `vocabulary` must outlive the encoder.
std::unique_ptr<const WordEncoder> make_wordpiece_encoder(const Vocabulary& vocabulary,
                                                          WordPieceSpelling spelling);

}  // namespace hearth::text
