#include "cli/options.h"

#include <fmt/format.h>

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <charconv>

namespace hearth::cli {

void add_model_argument(CLI::App& command, std::string& path) {
  command.add_option("MODEL", path, "the path of a GGUF file")->required()->type_name("");
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

void add_threads_option(CLI::App& command, int64_t& n_threads) {
  constexpr int64_t kMostThreads = 1024;
  add_count_option(command, "--num-thread", n_threads, 1, kMostThreads,
                   "threads that compute (default: one per physical core)");
}

}  // namespace hearth::cli
