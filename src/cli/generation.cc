#include "cli/generation.h"

#include <fmt/format.h>

#include <cstdio>
#include <optional>

#include "cli/interrupt.h"
#include "cli/units.h"

namespace hearth::cli {
namespace {

engine::Request make_request(std::span<const text::TokenId> prompt, const Parameters& parameters,
                             const AnswerRules& rules) {
  engine::Request request;
  request.prompt.assign(prompt.begin(), prompt.end());
  request.sampling = parameters.sampling;
  request.max_tokens = parameters.num_predict;
  request.stop = parameters.stop;
  request.grammar = rules.grammar;
  request.visible_control_tokens = rules.visible_control_tokens;
  request.adapter = rules.adapter;
  return request;
}

double rate(int64_t n, double seconds) {
  return seconds > 0.0 ? static_cast<double>(n) / seconds : 0.0;
}

// Cancels what was not brought to its end: no request outlives the call that made it.
class RequestGuard {
 public:
  RequestGuard(engine::Engine& engine, engine::RequestId id) : engine_(engine), id_(id) {}
  RequestGuard(const RequestGuard&) = delete;
  RequestGuard& operator=(const RequestGuard&) = delete;
  ~RequestGuard() { engine_.cancel(id_); }

 private:
  engine::Engine& engine_;
  engine::RequestId id_;
};

void show_prompt_progress(ProgressLine& progress, const engine::RequestStatus& status) {
  if (status.n_evaluated_tokens >= status.n_prompt_tokens) return;
  progress.show(fmt::format("evaluating the prompt: {} of {} tokens", status.n_evaluated_tokens,
                            status.n_prompt_tokens));
}

}  // namespace

Result<Answer> generate(const Console& console, engine::Engine& engine, std::span<const text::TokenId> prompt,
                        const Parameters& parameters, const AnswerRules& rules,
                        const std::function<Result<void>(std::string_view text)>& on_text) {
  Answer answer;
  answer.n_prompt_tokens = static_cast<int64_t>(prompt.size());
  const double start = monotonic_seconds();
  double first_token = start;
  HEARTH_ASSIGN(const engine::RequestId id, engine.submit(make_request(prompt, parameters, rules)));
  const RequestGuard guard(engine, id);
  auto progress = std::make_optional<ProgressLine>(console);

  while (!interrupted()) {
    HEARTH_ASSIGN(const engine::StepReport report, engine.step());
    if (const auto status = engine.status(id)) {
      answer.n_cached_tokens = status->n_cached_tokens;
      if (progress) show_prompt_progress(*progress, *status);
    }
    if (!report.events.empty()) progress.reset();
    for (const engine::Event& event : report.events) {
      if (event.token) {
        if (answer.tokens.empty()) first_token = monotonic_seconds();
        answer.tokens.push_back(*event.token);
      }
      if (!event.text.empty()) HEARTH_TRY(on_text(event.text));
      if (event.failure) return *event.failure;
      if (!event.finish) continue;
      const double end = monotonic_seconds();
      answer.finish = *event.finish;
      answer.prompt_s = (answer.tokens.empty() ? end : first_token) - start;
      answer.decode_s = answer.tokens.empty() ? 0.0 : end - first_token;
      return answer;
    }
  }
  answer.finish = engine::FinishReason::kCancelled;
  const double end = monotonic_seconds();
  answer.prompt_s = (answer.tokens.empty() ? end : first_token) - start;
  answer.decode_s = end - start - answer.prompt_s;
  return answer;
}

void report_rates(const Answer& answer, double load_s) {
  const auto n_tokens = static_cast<int64_t>(answer.tokens.size());
  const int64_t n_evaluated = answer.n_prompt_tokens - answer.n_cached_tokens;
  const int64_t n_decoded = n_tokens > 0 ? n_tokens - 1 : 0;  // the first comes out of the prompt's last step
  fmt::print(stderr, "\n");
  fmt::print(stderr, "total duration:       {}\n",
             format_seconds(load_s + answer.prompt_s + answer.decode_s));
  fmt::print(stderr, "load duration:        {}\n", format_seconds(load_s));
  fmt::print(stderr, "time to first token:  {}\n", format_seconds(answer.prompt_s));
  fmt::print(stderr, "prompt eval count:    {} token(s), {} from the cache\n", answer.n_prompt_tokens,
             answer.n_cached_tokens);
  fmt::print(stderr, "prompt eval rate:     {}\n", format_rate(rate(n_evaluated, answer.prompt_s)));
  fmt::print(stderr, "eval count:           {} token(s)\n", n_tokens);
  fmt::print(stderr, "eval rate:            {}\n", format_rate(rate(n_decoded, answer.decode_s)));
}

}  // namespace hearth::cli
