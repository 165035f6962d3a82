#include "cli/model_loading.h"

#include <system_error>
#include <vector>

#include "base/cpu.h"
#include "cli/nearest_names.h"
#include "cli/terminal.h"
#include "models/builtin_model.h"

namespace hearth::cli {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> model_files_beside(const fs::path& path) {
  std::vector<std::string> names;
  std::error_code error;
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == ".gguf")
      names.push_back((path.parent_path() / it->path().filename()).string());
  }
  return names;
}

}  // namespace

Result<std::unique_ptr<const models::Checkpoint>> open_model(const std::string& path) {
  std::error_code error;
  if (fs::exists(path, error)) return models::open_checkpoint(path);
  if (is_builtin_model(path)) return models::open_builtin_model();
  return make_error(ErrorCode::kNotFound, "{}: no such file; expected the path of a GGUF model{}", path,
                    did_you_mean(path, model_files_beside(path)));
}

bool is_builtin_model(const std::string& path) {
  std::error_code error;
  return path == models::kBuiltinModelName && !fs::exists(path, error);
}

int threads_or_default(int64_t n_threads) {
  return n_threads > 0 ? static_cast<int>(n_threads) : physical_core_count();
}

Result<RunnableModel> load_runnable_model(const Context& context, const std::string& path, int64_t n_threads,
                                          const engine::LoadOptions& options) {
  const double start = monotonic_seconds();
  RunnableModel loaded;
  loaded.n_threads = threads_or_default(n_threads);
  HEARTH_ASSIGN(auto checkpoint, open_model(path));
  HEARTH_ASSIGN(std::unique_ptr<tensor::Backend> backend, context.make_backend(loaded.n_threads));
  HEARTH_ASSIGN(loaded.model, engine::LoadedModel::load(std::move(checkpoint), std::move(backend), options));
  loaded.load_s = monotonic_seconds() - start;
  return loaded;
}

}  // namespace hearth::cli
