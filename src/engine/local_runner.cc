#include "engine/local_runner.h"

namespace hearth::engine {
namespace {

class LocalRunner : public Runner {
 public:
  LocalRunner(models::Model& model, tensor::Backend& backend, const LocalRunnerOptions& options,
              models::KvCache cache, models::Workspace workspace)
      : model_(model),
        backend_(backend),
        options_(options),
        cache_(std::move(cache)),
        workspace_(std::move(workspace)),
        sequences_by_group_(cache_.groups().size()) {}

  int64_t max_step_tokens() const noexcept override { return options_.max_step_tokens; }
  int64_t max_step_logits() const noexcept override { return options_.max_step_logits; }
  std::span<const models::KvGroup> kv_groups() const noexcept override { return cache_.groups(); }
  int64_t kv_block_tokens() const noexcept override { return models::kKvBlockTokens; }
  int64_t vocabulary_size() const noexcept override { return model_.info().vocabulary_size; }

  int64_t hidden_width() const noexcept override { return model_.info().width; }

  int64_t n_state_slots() const noexcept override {
    return model_.info().recurrent_layers.empty() ? 0 : options_.n_state_slots;
  }

  Result<void> run(std::span<const StepSequence> step, std::vector<float>& logits) override {
    lay_out(step);
    HEARTH_CHECK(static_cast<int64_t>(tokens_.size()) <= options_.max_step_tokens);
    HEARTH_CHECK(static_cast<int64_t>(output_rows_.size()) <= options_.max_step_logits);
    const models::Workspace::Scope scope(workspace_);
    const models::StepOutput out = model_.forward(
        {tokens_, positions_, sequences_by_group_, output_rows_, hidden_rows_, adapters_, n_prefill_rows_},
        cache_, workspace_);
    backend_.synchronize();
    logits.resize(static_cast<size_t>(out.logits.shape.n_elements()));
    backend_.read(out.logits, logits);
    read_hidden(step, out.hidden);
    return {};
  }

 private:
  // Sequences side by side, those that read before those that generate: one row a token.
  void lay_out(std::span<const StepSequence> step) {
    tokens_.clear();
    positions_.clear();
    for (auto& group : sequences_by_group_) group.clear();
    output_rows_.clear();
    hidden_rows_.clear();
    adapters_.clear();
    first_rows_.resize(step.size());
    add_rows(step, tensor::Phase::kPrefill);
    n_prefill_rows_ = static_cast<int64_t>(tokens_.size());
    add_rows(step, tensor::Phase::kDecode);
    for (size_t i = 0; i < step.size(); ++i) {
      const int64_t end = first_rows_[i] + static_cast<int64_t>(step[i].tokens.size());
      for (int64_t row = end - step[i].n_logits; row < end; ++row)
        output_rows_.push_back(static_cast<int32_t>(row));
      for (int64_t row = end - step[i].n_hidden; row < end; ++row)
        hidden_rows_.push_back(static_cast<int32_t>(row));
    }
  }

  void add_rows(std::span<const StepSequence> step, tensor::Phase phase) {
    for (size_t i = 0; i < step.size(); ++i) {
      const StepSequence& s = step[i];
      if (s.phase != phase) continue;
      const auto first_row = static_cast<int64_t>(tokens_.size());
      const auto n = static_cast<int64_t>(s.tokens.size());
      first_rows_[i] = first_row;
      for (size_t group = 0; group < sequences_by_group_.size(); ++group) {
        sequences_by_group_[group].push_back(
            {first_row, n, s.start_position, s.block_tables[group], s.state_slot, phase});
      }
      tokens_.insert(tokens_.end(), s.tokens.begin(), s.tokens.end());
      for (int64_t t = 0; t < n; ++t) positions_.push_back(static_cast<int32_t>(s.start_position + t));
      if (s.adapter != nullptr) add_adapted(first_row, n, *s.adapter);
    }
  }

  // Neighbours with one adapter are multiplied with it at once.
  void add_adapted(int64_t first, int64_t n, const models::LoadedAdapter& adapter) {
    if (!adapters_.empty() && adapters_.back().adapter == &adapter &&
        adapters_.back().first + adapters_.back().n == first) {
      adapters_.back().n += n;
    } else {
      adapters_.push_back({first, n, &adapter});
    }
  }

  // To each sequence its own.
  void read_hidden(std::span<const StepSequence> step, const tensor::Tensor& hidden) {
    if (hidden_rows_.empty()) return;
    hidden_.resize(static_cast<size_t>(hidden.shape.n_elements()));
    backend_.read(hidden, hidden_);
    std::span<const float> rest = hidden_;
    for (const StepSequence& s : step) {
      if (s.n_hidden == 0) continue;
      const auto own = rest.first(static_cast<size_t>(s.n_hidden * hidden_width()));
      s.hidden->assign(own.begin(), own.end());
      rest = rest.subspan(own.size());
    }
  }

  models::Model& model_;
  tensor::Backend& backend_;
  const LocalRunnerOptions options_;
  models::KvCache cache_;
  models::Workspace workspace_;
  // The step's layout, kept between steps so that decoding allocates nothing.
  std::vector<int32_t> tokens_;
  std::vector<int32_t> positions_;
  std::vector<std::vector<tensor::SequenceRows>> sequences_by_group_;
  int64_t n_prefill_rows_ = 0;
  std::vector<int64_t> first_rows_;  // of the step's sequences
  std::vector<int32_t> output_rows_;
  std::vector<int32_t> hidden_rows_;
  std::vector<models::AdaptedRows> adapters_;
  std::vector<float> hidden_;
};

}  // namespace

Result<std::unique_ptr<Runner>> make_local_runner(models::Model& model, tensor::Backend& backend,
                                                  const LocalRunnerOptions& options) {
  HEARTH_ASSIGN(models::KvCache cache,
                models::KvCache::create(backend, model.info().kv_layers, options.kv_groups, options.kv_types,
                                        model.info().recurrent_layers, options.n_state_slots));
  const size_t work_bytes = model.workspace_bytes(options.max_step_tokens, options.max_step_logits);
  HEARTH_ASSIGN(models::Workspace workspace, models::Workspace::create(backend, work_bytes));
  return std::unique_ptr<Runner>(
      std::make_unique<LocalRunner>(model, backend, options, std::move(cache), std::move(workspace)));
}

}  // namespace hearth::engine
