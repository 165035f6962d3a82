// A command of `hearth`: one file each, which adds the command's options and help to the parser and says what
// to do once the line is parsed.
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <functional>
#include <memory>

#include "base/result.h"
#include "base/thread_pool.h"
#include "cli/terminal.h"
#include "tensor/backend.h"
#include "tensor/gemm.h"

namespace hearth::cli {

// Makes the backend that computes. The command line does not know which one it is.
using BackendFactory = std::function<Result<std::unique_ptr<tensor::Backend>>(int n_threads)>;
// Makes the dense products that training consists of; they compute on the pool, which must outlive them.
// kUnsupported for a precision that the processor has no products of.
using GemmFactory =
    std::function<Result<std::unique_ptr<tensor::Gemm>>(ThreadPool& pool, tensor::GemmPrecision precision)>;

// What every command has at hand.
struct Context {
  const Console& console;
  const BackendFactory& make_backend;
  const GemmFactory& make_gemm;
};

// The work of a parsed command. An Error becomes a line on stderr and the exit code of its kind.
using Action = std::function<Result<void>(const Context&)>;

// Each adds its command to `parser`; when the command was chosen, parsing sets `action`, which must outlive
// it.
void add_run_command(CLI::App& parser, Action& action);
void add_embed_command(CLI::App& parser, Action& action);
void add_tokenize_command(CLI::App& parser, Action& action);
void add_tokenizer_command(CLI::App& parser, Action& action);
void add_render_command(CLI::App& parser, Action& action);
void add_logits_command(CLI::App& parser, Action& action);
void add_inspect_command(CLI::App& parser, Action& action);
void add_bench_command(CLI::App& parser, Action& action);
void add_perplexity_command(CLI::App& parser, Action& action);
void add_quantize_command(CLI::App& parser, Action& action);
void add_train_command(CLI::App& parser, Action& action);
void add_finetune_command(CLI::App& parser, Action& action);
void add_distill_command(CLI::App& parser, Action& action);
void add_merge_command(CLI::App& parser, Action& action);
void add_hardware_command(CLI::App& parser, Action& action);
void add_serve_command(CLI::App& parser, Action& action);
void add_engine_process_command(CLI::App& parser, Action& action);   // hidden
void add_fetcher_process_command(CLI::App& parser, Action& action);  // hidden
void add_create_command(CLI::App& parser, Action& action);
void add_verify_command(CLI::App& parser, Action& action);
void add_gc_command(CLI::App& parser, Action& action);
void add_key_command(CLI::App& parser, Action& action);
void add_audit_command(CLI::App& parser, Action& action);

}  // namespace hearth::cli
