#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace hearth::train {
namespace {

constexpr int64_t kZeroGrain = 4096;

double mean(double sum, int64_t n) {
  return n > 0 ? sum / static_cast<double>(n) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

Trainer::Trainer(const DecoderConfig& model, const TrainingOptions& options, const Corpus& corpus,
                 Weights<float>& weights, Threads& threads)
    : model_config_(model),
      options_(options),
      threads_(threads),
      weights_(weights),
      model_(model, options.batch, weights, threads, options.activations()),
      optimiser_(weights.parts(), options.adamw),
      batches_(corpus, options.batch.n_tokens, options.seed),
      tokens_(static_cast<size_t>(options.n_batches * options.batch.rows())),
      targets_(tokens_.size()) {}

uint64_t Trainer::memory_bytes(const DecoderConfig& model, const TrainingOptions& options,
                               int64_t n_weights) {
  return Decoder<float>::memory_bytes(model, options.batch, options.activations()) +
         4 * sizeof(float) * static_cast<uint64_t>(n_weights);  // with derivatives, means and squares
}

Result<StepReport> Trainer::step() {
  const auto n_tokens = static_cast<size_t>(options_.batch.n_tokens);
  const auto n_rows = static_cast<size_t>(options_.batch.rows());
  const int64_t n_sequences = options_.n_batches * options_.batch.n_sequences;
  int64_t n_counted = 0;
  for (int64_t i = 0; i < n_sequences; ++i) {
    const auto begin = static_cast<size_t>(i) * n_tokens;
    n_counted += batches_.fill(n_steps() * n_sequences + i, std::span(tokens_).subspan(begin, n_tokens),
                               std::span(targets_).subspan(begin, n_tokens));
  }
  const std::span<float> derivatives = weights_.derivatives();
  threads_.for_ranges(std::ssize(derivatives), kZeroGrain, [&](int64_t begin, int64_t end) {
    std::fill(derivatives.begin() + begin, derivatives.begin() + end, 0.0F);
  });
  const double scale = n_counted > 0 ? 1.0 / static_cast<double>(n_counted) : 0.0;
  double sum = 0.0;
  for (size_t begin = 0; begin < tokens_.size(); begin += n_rows) {
    HEARTH_ASSIGN(const double loss, learn_batch(begin, scale));
    sum += loss;
  }
  StepReport report;
  report.step = n_steps() + 1;
  report.loss = mean(sum, n_counted);
  report.learning_rate = options_.schedule.learning_rate(n_steps());
  report.norm = global_norm<float>(threads_, weights_.derivatives());
  report.n_tokens = std::ssize(tokens_);
  if (!std::isfinite(sum) || !std::isfinite(report.norm)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "step {}: expected a loss and derivatives that are numbers, found {} and a norm of {}: "
                      "training diverged; a lower learning_rate, or a longer warm-up, may hold it",
                      report.step, sum, report.norm);
  }
  optimiser_.step(threads_, report.learning_rate, clip_factor(report.norm, options_.most_norm),
                  weights_.derivatives(), weights_.values());
  return report;
}

void Trainer::learn_from(const Distillation& distillation) {
  distillation_ = distillation;
  const int64_t n_logits = options_.batch.rows() * model_config_.vocabulary;
  teacher_logits_.resize(static_cast<size_t>(n_logits));
}

Result<double> Trainer::learn_batch(size_t begin, double scale) {
  const auto n_rows = static_cast<size_t>(options_.batch.rows());
  const auto tokens = std::span(tokens_).subspan(begin, n_rows);
  const auto targets = std::span(targets_).subspan(begin, n_rows);
  if (distillation_.teacher == nullptr) return model_.loss_and_derivatives(tokens, targets, scale);
  const auto n_tokens = static_cast<size_t>(options_.batch.n_tokens);
  const auto vocabulary = static_cast<size_t>(model_config_.vocabulary);
  for (size_t first = 0; first < n_rows; first += n_tokens) {
    HEARTH_TRY(distillation_.teacher->expect(
        tokens.subspan(first, n_tokens),
        std::span(teacher_logits_).subspan(first * vocabulary, n_tokens * vocabulary)));
  }
  const SoftTargets soft{teacher_logits_, distillation_.weight, distillation_.temperature};
  return model_.loss_and_derivatives(tokens, targets, scale, &soft);
}

double Trainer::loss_on(const Corpus& corpus, int64_t most) {
  const auto n_tokens = static_cast<size_t>(options_.batch.n_tokens);
  const auto n_sequences = static_cast<size_t>(options_.batch.n_sequences);
  const size_t n_of_corpus = corpus.n_tokens() < 2 ? 0 : (corpus.n_tokens() - 2) / n_tokens + 1;
  const size_t n = std::min(n_of_corpus, static_cast<size_t>(most));
  double sum = 0.0;
  int64_t n_counted = 0;
  for (size_t first = 0; first < n; first += n_sequences) {
    std::vector<int32_t> tokens(n_sequences * n_tokens);
    std::vector<int32_t> targets(tokens.size(), kNoTarget);
    const size_t begin = first * n_tokens;
    const size_t end = std::min(begin + tokens.size(), n * n_tokens);
    for (size_t at = begin; at < end && at + 1 < corpus.n_tokens(); ++at) {
      tokens[at - begin] = corpus.token(at);
      if (!corpus.counts(at + 1)) continue;
      targets[at - begin] = corpus.token(at + 1);
      ++n_counted;
    }
    sum += model_.loss(tokens, targets);
  }
  return mean(sum, n_counted);
}

void Trainer::go_on_from(Checkpoint checkpoint) {
  std::copy(checkpoint.weights.begin(), checkpoint.weights.end(), weights_.values().begin());
  optimiser_.set_state(std::move(checkpoint.state));
}

}  // namespace hearth::train
