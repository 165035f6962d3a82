#include "train/lora.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "train/products.h"
#include "train/random.h"

namespace hearth::train {
namespace {

// "blk.0.attn_q.weight" is a "attn_q".
bool is_target(const Parameter& parameter, const std::string& target) {
  return parameter.is_matrix && parameter.name.starts_with("blk.") &&
         parameter.name.ends_with("." + target + ".weight");
}

Result<void> check_targets(const DecoderLayout& model, const LoraOptions& options) {
  if (options.targets.empty()) {
    return make_error(ErrorCode::kInvalidArgument, "targets: expected some, found none");
  }
  for (const std::string& target : options.targets) {
    const bool is_known =
        std::any_of(model.parameters.begin(), model.parameters.end(),
                    [&](const Parameter& parameter) { return is_target(parameter, target); });
    if (!is_known || target.find('.') != std::string::npos) {
      return make_error(ErrorCode::kInvalidArgument, "targets: expected some of {}, found {}",
                        fmt::join(all_targets(model), ", "), target);
    }
    if (std::count(options.targets.begin(), options.targets.end(), target) > 1) {
      return make_error(ErrorCode::kInvalidArgument, "targets: expected each once, found {} twice", target);
    }
  }
  return {};
}

}  // namespace

std::vector<std::string> all_targets(const DecoderLayout& model) {
  constexpr std::string_view kFirstLayer = "blk.0.";
  constexpr std::string_view kWeight = ".weight";
  std::vector<std::string> targets;
  for (const Parameter& parameter : model.parameters) {
    const std::string_view name = parameter.name;
    if (!parameter.is_matrix || !name.starts_with(kFirstLayer)) continue;
    targets.emplace_back(name.substr(kFirstLayer.size(), name.size() - kFirstLayer.size() - kWeight.size()));
  }
  return targets;
}

double LoraOptions::scale() const noexcept {
  const auto r = static_cast<double>(rank);
  return alpha / (rank_stabilised ? std::sqrt(r) : r);
}

Result<LoraLayout> LoraLayout::create(const DecoderLayout& model, const LoraOptions& options) {
  HEARTH_TRY(check_targets(model, options));
  LoraLayout layout;
  for (const Parameter& parameter : model.parameters) {
    const bool is_adapted =
        std::any_of(options.targets.begin(), options.targets.end(),
                    [&](const std::string& target) { return is_target(parameter, target); });
    if (!is_adapted) continue;
    const int64_t most = std::min(parameter.rows, parameter.columns);
    if (options.rank < 1 || options.rank > most) {
      return make_error(ErrorCode::kInvalidArgument, "rank: expected 1 to {} (the size of {}), found {}",
                        most, parameter.name, options.rank);
    }
    const int64_t a_begin = layout.n_weights;
    const int64_t b_begin = a_begin + options.rank * parameter.columns;
    layout.n_weights = b_begin + parameter.rows * options.rank;
    layout.pairs.push_back({parameter.place, a_begin, b_begin, layout.n_weights});
  }
  return layout;
}

void initialise_lora(const DecoderLayout& model, const LoraLayout& layout, uint64_t seed,
                     std::span<float> weights) {
  std::fill(weights.begin(), weights.end(), 0.0F);
  for (size_t i = 0; i < layout.pairs.size(); ++i) {
    const LoraLayout::Pair& pair = layout.pairs[i];
    const double deviation = 1 / std::sqrt(static_cast<double>(model.parameters[pair.place].columns));
    Random random(seed, i);
    for (int64_t at = pair.a_begin; at < pair.b_begin; ++at)
      weights[static_cast<size_t>(at)] = static_cast<float>(deviation * random.normal());
  }
}

template <typename T>
LoraWeights<T>::LoraWeights(const DecoderLayout& model, const LoraLayout& layout, const LoraOptions& options,
                            FrozenWeights<T>& base)
    : layout_(layout),
      rank_(options.rank),
      scale_(static_cast<T>(options.scale())),
      base_(base),
      pairs_by_place_(model.parameters.size(), -1),
      values_(static_cast<size_t>(layout.n_weights)),
      derivatives_(values_.size()) {
  for (size_t i = 0; i < layout_.pairs.size(); ++i)
    pairs_by_place_[layout_.pairs[i].place] = static_cast<int64_t>(i);
}

template <typename T>
const LoraLayout::Pair* LoraWeights<T>::pair_of(const Parameter& matrix) const {
  const int64_t pair = pairs_by_place_[matrix.place];
  return pair < 0 ? nullptr : &layout_.pairs[static_cast<size_t>(pair)];
}

template <typename T>
void LoraWeights<T>::project(Threads& threads, const Parameter& matrix, const LoraLayout::Pair& pair,
                             const T* x, int64_t n) {
  scratch_.resize(std::max(scratch_.size(), static_cast<size_t>(n * rank_)));
  const T* const a = values_.data() + pair.a_begin;
  const GemmArgs<T> args{
      n,     rank_,           matrix.columns, {x, matrix.columns, 1}, {a, 1, matrix.columns},
      false, scratch_.data(), rank_};
  train::multiply<T>(threads, args);
  for (int64_t i = 0; i < n * rank_; ++i) scratch_[static_cast<size_t>(i)] *= scale_;
}

template <typename T>
void LoraWeights<T>::multiply(Threads& threads, const Parameter& matrix, const T* x, int64_t n, bool adds,
                              T* out) {
  base_.multiply(threads, matrix, x, n, adds, out);
  const LoraLayout::Pair* const pair = pair_of(matrix);
  if (pair == nullptr) return;
  project(threads, matrix, *pair, x, n);
  const T* const b = values_.data() + pair->b_begin;
  const GemmArgs<T> args{n,    matrix.rows, rank_,      {scratch_.data(), rank_, 1}, {b, 1, rank_},
                         true, out,         matrix.rows};
  train::multiply<T>(threads, args);
}

// With u = scale x A^T: out += u B^T.
template <typename T>
void LoraWeights<T>::multiply_backward(Threads& threads, const Parameter& matrix, const T* x, const T* d_out,
                                       int64_t n, bool adds, T* d_x) {
  base_.multiply_transposed(threads, matrix, d_out, n, adds, d_x);
  const LoraLayout::Pair* const pair = pair_of(matrix);
  if (pair == nullptr) return;
  const int64_t columns = matrix.columns;
  const int64_t rows = matrix.rows;
  project(threads, matrix, *pair, x, n);
  d_scratch_.resize(scratch_.size());
  const T* const a = values_.data() + pair->a_begin;
  const T* const b = values_.data() + pair->b_begin;
  T* const d_a = derivatives_.data() + pair->a_begin;
  T* const d_b = derivatives_.data() + pair->b_begin;
  // d_b += d_out^T u, d_u = scale d_out b, d_a += d_u^T x, d_x += d_u a
  train::multiply<T>(threads,
                     {rows, rank_, n, {d_out, 1, rows}, {scratch_.data(), rank_, 1}, true, d_b, rank_});
  train::multiply<T>(threads,
                     {n, rank_, rows, {d_out, rows, 1}, {b, rank_, 1}, false, d_scratch_.data(), rank_});
  for (int64_t i = 0; i < n * rank_; ++i) d_scratch_[static_cast<size_t>(i)] *= scale_;
  train::multiply<T>(threads,
                     {rank_, columns, n, {d_scratch_.data(), 1, rank_}, {x, columns, 1}, true, d_a, columns});
  train::multiply<T>(threads,
                     {n, columns, rank_, {d_scratch_.data(), rank_, 1}, {a, columns, 1}, true, d_x, columns});
}

template <typename T>
void LoraWeights<T>::embed(Threads& threads, const Parameter& matrix, std::span<const int32_t> tokens,
                           T* out) {
  base_.embed(threads, matrix, tokens, out);
}

template class LoraWeights<float>;
template class LoraWeights<double>;

}  // namespace hearth::train
