// From the MODEL of a command line to a model that runs.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "cli/command.h"
#include "engine/loaded_model.h"

namespace hearth::cli {

// Whether `path` is the name of the model that is a part of the program, and of no file.
bool is_builtin_model(const std::string& path);

// The checkpoint opened and checked, or the built-in one. Where there is none, the error names files beside
// it that the name may have meant.
Result<std::unique_ptr<const models::Checkpoint>> open_model(const std::string& path);

struct RunnableModel {
  std::unique_ptr<engine::LoadedModel> model;
  double load_s = 0.0;
  int n_threads = 0;
};
// n_threads 0: one per physical core.
Result<RunnableModel> load_runnable_model(const Context& context, const std::string& path, int64_t n_threads,
                                          const engine::LoadOptions& options);

// `n_threads`, or where it is 0 the default.
int threads_or_default(int64_t n_threads);

}  // namespace hearth::cli
