#include "cli/options.h"

#include <fmt/format.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <charconv>

namespace hearth::cli {
namespace {

constexpr int64_t kMostThreads = 1024;
constexpr const char* kThreadsDescription = "threads that compute (default: one per physical core)";

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
      ->type_name("f16|bf16|q8_0|q4_0");
}

}  // namespace

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

// CLI11 cuts "[a,b]" apart in an argument that allows extra ones; without them it takes as many as are
// expected, and with TakeAll is content with fewer.
void add_texts_argument(CLI::App& command, const std::string& name, std::vector<std::string>& texts,
                        const std::string& description) {
  constexpr int kMostTexts = 1 << 22;  // more than a command line can hold
  command.add_option(name, texts, description)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->expected(kMostTexts, CLI::detail::expected_max_vector_size)
      ->allow_extra_args(false)
      ->type_name("");
}

void add_model_argument(CLI::App& command, std::string& path) {
  command.add_option("MODEL", path, "a GGUF file, or a folder from Hugging Face")->required()->type_name("");
}

bool parse_whole_number(const std::string& text, int64_t& value) {
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  return parsed.ec == std::errc() && parsed.ptr == end;
}

void add_count_option(CLI::App& command, const std::string& name, int64_t& value, int64_t least, int64_t most,
                      const std::string& description) {
  command
      .add_option_function<std::string>(
          name, [&value](const std::string& text) { parse_whole_number(text, value); }, description)
      ->check([least, most](const std::string& text) {
        int64_t number = 0;
        if (parse_whole_number(text, number) && number >= least && number <= most) return std::string();
        return fmt::format("expected a whole number from {} to {}, found '{}'", least, most, text);
      })
      ->type_name("N");
}

void add_number_option(CLI::App& command, const std::string& name, double& value, double least, double most,
                       const std::string& description) {
  const auto parse = [](const std::string& text, double& number) {
    const char* const end = text.data() + text.size();
    const auto [last, error] = std::from_chars(text.data(), end, number);
    return error == std::errc() && last == end;
  };
  command
      .add_option_function<std::string>(
          name, [&value, parse](const std::string& text) { parse(text, value); }, description)
      ->check([least, most, parse](const std::string& text) {
        double number = 0.0;
        if (parse(text, number) && number >= least && number <= most) return std::string();
        return fmt::format("expected a number from {} to {}, found '{}'", least, most, text);
      })
      ->type_name("NUMBER");
}

void add_threads_option(CLI::App& command, int64_t& n_threads) {
  add_count_option(command, "--num-thread", n_threads, 1, kMostThreads, kThreadsDescription);
}

void add_worker_threads_option(CLI::App& command, int64_t& n_threads) {
  add_count_option(command, "--threads,--num-thread", n_threads, 1, kMostThreads, kThreadsDescription);
}

void add_cache_type_options(CLI::App& command, models::KvTypes& types) {
  add_cache_type_option(command, "--cache-type-k", "how the KV cache holds keys (default: f16)", types.k);
  add_cache_type_option(command, "--cache-type-v", "how it holds values (default: f16)", types.v);
}

}  // namespace hearth::cli
