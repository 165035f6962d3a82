// The tokenizer that a GGUF file carries.
#pragma once

#include <memory>

#include "base/result.h"
#include "formats/gguf/gguf.h"
#include "formats/gguf/writer.h"
#include "text/tokenizer/tokenizer.h"
#include "text/tokenizer/training/trained_vocabulary.h"

namespace hearth::models {

// What the file says of its vocabulary: keys tokenizer.ggml.*. kMalformed, naming the key, where one is
// missing or of another type than the format gives it. The views live as long as the file.
Result<text::VocabularySource> vocabulary_from_gguf(const gguf::File& file);

// The tokenizer does not need the file any more. Errors name the file, and are those of vocabulary_from_gguf
// and of Tokenizer::create.
Result<std::unique_ptr<const text::Tokenizer>> load_tokenizer(const gguf::File& file);

// Sets the keys tokenizer.ggml.* that say the same, and tokenizer.ggml.padding_token_id where there is one.
void set_vocabulary(gguf::FileDraft& draft, const text::TrainedVocabulary& vocabulary);

}  // namespace hearth::models
