// hearth bench: the speed of a model on this machine, against what the memory's speed allows.
#include <sys/resource.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/cpu.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/machine.h"
#include "cli/model_loading.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/units.h"
#include "models/kv_groups.h"

namespace hearth::cli {
namespace {

struct BenchOptions {
  std::string model;
  int64_t prompt_tokens = 512;
  int64_t gen_tokens = 64;
  int64_t batch = 1;
  int64_t repeats = 5;
  int64_t n_threads = 0;
  models::KvTypes kv_types;
  bool json = false;
};

// One run of the whole batch.
struct Sample {
  double prompt_tokens_per_s = 0.0;
  double decode_tokens_per_s = 0.0;  // of all sequences together
};

struct BenchReport {
  std::string architecture;
  std::string backend;
  std::string_view isa;
  int n_threads = 0;
  double load_s = 0.0;
  double prompt_tokens_per_s = 0.0;
  double decode_tokens_per_s = 0.0;
  double bytes_per_step = 0.0;
  double bandwidth = 0.0;
  uint64_t peak_rss_bytes = 0;
};

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2.0;
}

// Tokens of every part of the vocabulary; the same in every run.
std::vector<text::TokenId> make_prompt(int64_t n_tokens, int64_t vocabulary_size) {
  std::vector<text::TokenId> tokens;
  uint64_t state = 1;
  for (int64_t i = 0; i < n_tokens; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;  // Knuth's MMIX generator
    tokens.push_back(static_cast<text::TokenId>((state >> 33) % static_cast<uint64_t>(vocabulary_size)));
  }
  return tokens;
}

// Every request is its own tenant, so that no prompt is served from the cache of another one.
Result<void> submit_batch(const BenchOptions& options, const std::vector<text::TokenId>& prompt,
                          uint64_t& next_tenant, engine::Engine& engine) {
  for (int64_t i = 0; i < options.batch; ++i) {
    engine::Request request;
    request.prompt = prompt;
    request.sampling.temperature = 0.0F;
    request.max_tokens = options.gen_tokens;
    request.ignore_end = true;
    request.tenant = std::to_string(next_tenant++);
    HEARTH_TRY(engine.submit(std::move(request)));
  }
  return {};
}

// Decoding is timed over the steps in which every sequence decodes and no prompt is left.
Result<Sample> run_batch(const BenchOptions& options, const std::vector<text::TokenId>& prompt,
                         uint64_t& next_tenant, engine::Engine& engine) {
  HEARTH_TRY(submit_batch(options, prompt, next_tenant, engine));
  const double start = monotonic_seconds();
  double prompts_done = start;
  int64_t n_prompt = 0;
  int64_t n_decoded = 0;
  while (engine.has_work()) {
    if (interrupted()) return Error(ErrorCode::kCancelled, "interrupted");
    HEARTH_ASSIGN(const engine::StepReport report, engine.step());
    n_prompt += report.n_prompt_tokens;
    if (report.n_prompt_tokens > 0) {
      prompts_done = monotonic_seconds();
      n_decoded = 0;
    } else {
      n_decoded += report.n_decode_tokens;
    }
  }
  const double end = monotonic_seconds();
  return Sample{static_cast<double>(n_prompt) / (prompts_done - start),
                static_cast<double>(n_decoded) / (end - prompts_done)};
}

// The weights once, and the keys and values of every sequence at half of its growth.
double bytes_per_step(const BenchOptions& options, const models::ModelInfo& info) {
  const int64_t context_tokens = options.prompt_tokens + options.gen_tokens / 2;
  const uint64_t kv_bytes = models::kv_step_bytes(info.kv_layers, context_tokens, options.kv_types);
  return static_cast<double>(info.step_weight_bytes) +
         static_cast<double>(options.batch) * static_cast<double>(kv_bytes);
}

uint64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

Result<BenchReport> measure(const BenchOptions& options, const Context& context) {
  engine::LoadOptions load;
  load.context_tokens = options.prompt_tokens + options.gen_tokens;
  load.max_sequences = options.batch;
  load.kv_types = options.kv_types;
  HEARTH_ASSIGN(const RunnableModel loaded,
                load_runnable_model(context, options.model, options.n_threads, load));
  engine::LoadedModel& model = *loaded.model;

  ProgressLine progress(context.console);
  const std::vector<text::TokenId> prompt = make_prompt(options.prompt_tokens, model.info().vocabulary_size);
  std::vector<double> prompt_rates;
  std::vector<double> decode_rates;
  uint64_t next_tenant = 1;
  for (int64_t repeat = 0; repeat <= options.repeats; ++repeat) {
    progress.show(fmt::format("run {} of {}", repeat, options.repeats));
    HEARTH_ASSIGN(const Sample sample, run_batch(options, prompt, next_tenant, model.engine()));
    if (repeat == 0) continue;  // brings the weights into memory
    prompt_rates.push_back(sample.prompt_tokens_per_s);
    decode_rates.push_back(sample.decode_tokens_per_s);
  }

  BenchReport report;
  report.architecture = model.info().architecture;
  report.backend = model.backend().description();
  HEARTH_ASSIGN(const Isa isa, choose_isa());
  report.isa = isa_name(isa);
  report.n_threads = loaded.n_threads;
  report.load_s = loaded.load_s;
  report.prompt_tokens_per_s = median(std::move(prompt_rates));
  report.decode_tokens_per_s = median(std::move(decode_rates));
  report.bytes_per_step = bytes_per_step(options, model.info());
  report.peak_rss_bytes = peak_rss_bytes();  // before the bandwidth's buffer counts
  progress.show("measuring the read bandwidth");
  HEARTH_ASSIGN(const Machine machine, inspect_machine());
  HEARTH_ASSIGN(report.bandwidth, measure_machine_bandwidth(machine, loaded.n_threads));
  return report;
}

double bandwidth_share(const BenchOptions& options, const BenchReport& report) {
  const double steps_per_s = report.decode_tokens_per_s / static_cast<double>(options.batch);
  return report.bytes_per_step * steps_per_s / report.bandwidth;
}

Result<void> print_table(const BenchOptions& options, const BenchReport& report) {
  std::string out;
  const auto row = [&out](std::string_view name, std::string_view value) {
    out += fmt::format("{:<18}{}\n", name, value);
  };
  row("model", fmt::format("{} ({})", escape_line(options.model), escape_line(report.architecture)));
  row("backend", report.backend);
  row("load", format_seconds(report.load_s));
  row("prompt", fmt::format("{} ({} tokens x {})", format_rate(report.prompt_tokens_per_s),
                            options.prompt_tokens, options.batch));
  row("decode", fmt::format("{} ({} tokens x {})", format_rate(report.decode_tokens_per_s),
                            options.gen_tokens, options.batch));
  row("read bandwidth", fmt::format("{:.1f} GB/s measured with {} thread{}", report.bandwidth / 1e9,
                                    report.n_threads, report.n_threads == 1 ? "" : "s"));
  row("decode reads", fmt::format("{} per step: {:.0f} % of the bandwidth",
                                  format_bytes(static_cast<uint64_t>(report.bytes_per_step)),
                                  100.0 * bandwidth_share(options, report)));
  row("peak memory", format_bytes(report.peak_rss_bytes));
  return write_output(out);
}

Result<void> print_json(const BenchOptions& options, const BenchReport& report) {
  nlohmann::ordered_json object;
  object["model"] = options.model;
  object["architecture"] = report.architecture;
  object["backend"] = report.backend;
  object["isa"] = report.isa;
  object["threads"] = report.n_threads;
  object["prompt_tokens"] = options.prompt_tokens;
  object["gen_tokens"] = options.gen_tokens;
  object["batch"] = options.batch;
  object["repeat"] = options.repeats;
  object["load_s"] = report.load_s;
  object["prompt_tokens_per_s"] = report.prompt_tokens_per_s;
  object["decode_tokens_per_s"] = report.decode_tokens_per_s;
  object["bytes_per_step"] = static_cast<uint64_t>(report.bytes_per_step);
  object["read_bandwidth_gb_per_s"] = report.bandwidth / 1e9;
  object["decode_bandwidth_share"] = bandwidth_share(options, report);
  object["peak_rss_bytes"] = report.peak_rss_bytes;
  return write_json(object);
}

// Generous: what does not fit the model or the memory is refused with better numbers when it is loaded.
constexpr int64_t kMost = int64_t{1} << 24;

constexpr const char* kBenchExamples =
    R"(Rates are the medians of the repeats, after one run that is not counted. Of a batch, they are those of all sequences
together. The share of the bandwidth is what a decode step must read (the weights once, and the keys and values so far)
times the steps per second, over the read bandwidth measured in the same run; where the model fits into the caches it
may exceed 1.

Examples:
  hearth bench model.gguf
  hearth bench model.gguf --batch 8 --gen 128
  hearth bench model.gguf --num-thread 4 --json)";

}  // namespace

void add_bench_command(CLI::App& parser, Action& action) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* command = parser.add_subcommand("bench", "Measure prompt and decode speed");
  add_model_argument(*command, options->model);
  add_count_option(*command, "--prompt", options->prompt_tokens, 1, kMost,
                   "tokens of the prompt (default: 512)");
  add_count_option(*command, "--gen", options->gen_tokens, 2, kMost, "tokens to generate (default: 64)");
  add_count_option(*command, "--batch", options->batch, 1, kMost, "sequences at once (default: 1)");
  add_count_option(*command, "--repeat", options->repeats, 1, kMost,
                   "runs to take the median of (default: 5)");
  add_cache_type_options(*command, options->kv_types);
  add_threads_option(*command, options->n_threads);
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer(kBenchExamples);
  command->callback([options, &action] {
    action = [options](const Context& context) -> Result<void> {
      HEARTH_ASSIGN(const BenchReport report, measure(*options, context));
      return options->json ? print_json(*options, report) : print_table(*options, report);
    };
  });
}

}  // namespace hearth::cli
