// The texts of a run of training: files and folders in, what is trained on and what is held out.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "base/result.h"
#include "text/chat/chat_format.h"
#include "text/tokenizer/tokenizer.h"
#include "train/data/corpus.h"

namespace hearth::train {

struct Texts {
  std::vector<std::filesystem::path> train;     // files and folders
  std::vector<std::filesystem::path> held_out;  // empty: a share of those
  double held_out_share = 0.05;
  bool only_answers = false;

  // What a result depends on, but for the files' contents: of a file its name, as where it lies may change.
  nlohmann::ordered_json json() const;
};

struct Corpora {
  Corpus train;
  Corpus held_out;

  uint64_t memory_bytes() const noexcept { return train.memory_bytes() + held_out.memory_bytes(); }
};

// How many there are so far; false ends it.
using OnTokens = std::function<bool(size_t n_tokens)>;

// `chat` may be null; `seed` draws what is held out. Errors name the file: its reader's; kInvalidArgument for
// less text than one sequence of `sequence_tokens`, and for answers that are asked for where there are none;
// kCancelled where on_tokens, which is asked after each part of a text, ends it.
Result<Corpora> read_corpora(const Texts& texts, const text::Tokenizer& tokenizer,
                             const text::ChatFormat* chat, int64_t sequence_tokens, uint64_t seed,
                             const OnTokens& on_tokens = {});

}  // namespace hearth::train
