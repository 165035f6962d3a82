// Learning from a model that knows: a teacher's expectations beside the text's own tokens.
// Source: arXiv:1503.02531.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "base/result.h"
#include "text/tokenizer/tokenizer.h"
#include "train/threads.h"

namespace hearth::train {

// What a teacher expects after each row.
struct SoftTargets {
  std::span<const float> logits;  // [n, vocab]
  double weight = 0.5;            // of the loss against these; that against the targets has the rest
  double temperature = 1.0;       // that both distributions are softened by, before they are compared
};

// The sum over rows with a target of (1 - weight) times cross_entropy() and weight temperature^2 KL(teacher
// || student); logits [n, vocab] are overwritten by `scale` times its derivative. The factor temperature^2
// keeps the derivatives' size as the temperature grows.
template <typename T>
double distillation_loss(Threads& threads, T* logits, std::span<const int32_t> targets,
                         const SoftTargets& soft, int64_t vocab, double scale);

// One thread at a time may use it.
class Teacher {
 public:
  virtual ~Teacher() = default;
  Teacher(const Teacher&) = delete;
  Teacher& operator=(const Teacher&) = delete;

  // kInvalidArgument, saying where they differ, unless it numbers tokens as `student` does.
  virtual Result<void> check_vocabulary(const text::Tokenizer& student) const = 0;
  // logits[i] are those after tokens[i], which follow each other from the start of a sequence.
  //   logits [n, vocab]
  virtual Result<void> expect(std::span<const int32_t> tokens, std::span<float> logits) = 0;

 protected:
  Teacher() = default;
};

struct Distillation {
  Teacher* teacher = nullptr;
  std::string teacher_digest;  // of all that it computes with
  double weight = 0.5;         // SoftTargets'
  double temperature = 1.0;
  int64_t top_k = 0;  // of its expectations, where it gives no more; 0: it gives all
};

}  // namespace hearth::train
