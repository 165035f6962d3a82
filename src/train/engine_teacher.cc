#include "train/engine_teacher.h"

#include <algorithm>

#include "base/check.h"
#include "base/excerpt.h"

namespace hearth::train {

Result<void> EngineTeacher::check_vocabulary(const text::Tokenizer& student) const {
  const text::Tokenizer& own = model_.tokenizer();
  if (own.vocabulary_size() != student.vocabulary_size()) {
    return make_error(ErrorCode::kInvalidArgument,
                      "the teacher: expected the student's vocabulary of {} tokens, found one of {}",
                      student.vocabulary_size(), own.vocabulary_size());
  }
  for (text::TokenId token = 0; std::cmp_less(token, own.vocabulary_size()); ++token) {
    const std::string_view is = own.token_bytes(token, /*special=*/true);
    const std::string_view expected = student.token_bytes(token, /*special=*/true);
    if (is == expected) continue;
    return make_error(ErrorCode::kInvalidArgument,
                      "the teacher: expected the student's vocabulary, whose token {} is {}, found {}", token,
                      quoted_excerpt(expected), quoted_excerpt(is));
  }
  return {};
}

Result<void> EngineTeacher::expect(std::span<const int32_t> tokens, std::span<float> logits) {
  const auto vocabulary = static_cast<size_t>(model_.info().vocabulary_size);
  HEARTH_CHECK(logits.size() == tokens.size() * vocabulary);
  return model_.engine().evaluate(tokens, [&](int64_t position, std::span<const float> row) {
    std::copy(row.begin(), row.end(), logits.begin() + position * static_cast<int64_t>(vocabulary));
    return true;
  });
}

}  // namespace hearth::train
