#include "cli/model_loading.h"

#include <optional>
#include <system_error>
#include <vector>

#include "base/cpu.h"
#include "cli/nearest_names.h"
#include "cli/terminal.h"

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

// "q8_0", in either case, to a type that caches may have.
std::optional<tensor::DType> parse_cache_type(std::string text) {
  using tensor::DType;
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  for (const DType dtype : {DType::kF16, DType::kBF16, DType::kQ8_0, DType::kQ4_0}) {
    if (tensor::dtype_name(dtype) == text) return dtype;
  }
  return std::nullopt;
}

void add_cache_type_option(CLI::App& command, const char* name, const char* description,
                           tensor::DType& type) {
  command
      .add_option_function<std::string>(
          name, [&type](const std::string& text) { type = parse_cache_type(text).value_or(type); },
          description)
      ->check([](const std::string& text) {
        if (parse_cache_type(text)) return std::string();
        return fmt::format("expected f16, bf16, q8_0 or q4_0, found '{}'", text);
      })
      ->type_name("TYPE");
}

}  // namespace

Result<gguf::File> open_model_file(const std::string& path) {
  std::error_code error;
  if (fs::exists(path, error)) return gguf::File::open(path);
  return make_error(ErrorCode::kNotFound, "{}: no such file; expected the path of a GGUF model{}", path,
                    did_you_mean(path, model_files_beside(path)));
}

int threads_or_default(int64_t n_threads) {
  return n_threads > 0 ? static_cast<int>(n_threads) : physical_core_count();
}

Result<RunnableModel> load_runnable_model(const Context& context, const std::string& path, int64_t n_threads,
                                          const engine::LoadOptions& options) {
  const double start = monotonic_seconds();
  RunnableModel loaded;
  loaded.n_threads = threads_or_default(n_threads);
  HEARTH_ASSIGN(gguf::File file, open_model_file(path));
  HEARTH_ASSIGN(std::unique_ptr<tensor::Backend> backend, context.make_backend(loaded.n_threads));
  HEARTH_ASSIGN(loaded.model, engine::LoadedModel::load(std::move(file), std::move(backend), options));
  loaded.load_s = monotonic_seconds() - start;
  return loaded;
}

CLI::Option* add_model_argument(CLI::App& command, std::string& path) {
  return command.add_option("MODEL", path, "the path of a GGUF file")->required()->type_name("");
}

void add_cache_type_options(CLI::App& command, models::KvTypes& types) {
  add_cache_type_option(command, "--cache-type-k",
                        "how the KV cache holds keys: f16, bf16, q8_0 or q4_0 (default f16)", types.k);
  add_cache_type_option(command, "--cache-type-v",
                        "how it holds values: f16, bf16, q8_0 or q4_0 (default f16)", types.v);
}

void add_threads_option(CLI::App& command, int64_t& n_threads) {
  constexpr int64_t kMostThreads = 1024;
  command.add_option("--num-thread", n_threads, "threads that compute (default: one per physical core)")
      ->check(CLI::Range(int64_t{1}, kMostThreads))
      ->type_name("N");
}

}  // namespace hearth::cli
