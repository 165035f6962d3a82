// The unigram language model: of all ways to cut a word into tokens the one whose scores, log probabilities,
// add up highest. Source: arXiv:1804.10959; google/sentencepiece, src/unigram_model.cc.
#pragma once

#include <memory>
#include <vector>

#include "text/tokenizer/vocabulary.h"
#include "text/tokenizer/word_encoder.h"

namespace hearth::text {

// `scores`: one per token, finite. `byte_fallback`: characters without a token become byte tokens where the
// vocabulary has them; else a row of them is one unknown token. `vocabulary` must outlive the encoder.
std::unique_ptr<const WordEncoder> make_unigram_encoder(const Vocabulary& vocabulary,
                                                        std::vector<double> scores, bool byte_fallback);

}  // namespace hearth::text
