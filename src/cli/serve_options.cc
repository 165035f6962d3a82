#include "cli/serve_options.h"

#include <algorithm>
#include <iterator>

#include "cli/options.h"

namespace hearth::cli {
namespace {

constexpr int64_t kMostTokens = int64_t{1} << 40;

// What a variable says, and how it is called.
struct Setting {
  std::string name;
  std::string value;
};

Result<void> set_count(const Setting& from, int64_t least, int64_t most, int64_t& number) {
  int64_t found = 0;
  if (!parse_whole_number(from.value, found) || found < least || found > most) {
    return make_error(ErrorCode::kUsage, "{}: expected a whole number from {} to {}, found '{}'", from.name,
                      least, most, from.value);
  }
  number = found;
  return {};
}

// The same where 0 leaves it to the program.
Result<void> set_count_or_default(const Setting& from, int64_t most, int64_t& number) {
  int64_t found = 0;
  HEARTH_TRY(set_count(from, 0, most, found));
  if (found > 0) number = found;
  return {};
}

Result<void> set_host(const Setting& from, ServeOptions& options) {
  options.host = from.value;
  options.host_source = from.name;
  return {};
}

Result<void> set_context(const Setting& from, ServeOptions& options) {
  return set_count_or_default(from, kMostTokens, options.context_tokens);
}

Result<void> set_parallel(const Setting& from, ServeOptions& options) {
  return set_count_or_default(from, 4096, options.max_sequences);
}

Result<void> set_queue(const Setting& from, ServeOptions& options) {
  return set_count(from, 1, 1 << 20, options.max_waiting);
}

Result<void> set_max_loaded(const Setting& from, ServeOptions& options) {
  return set_count_or_default(from, 1024, options.max_loaded);
}

// A number without a unit is one of seconds.
Result<void> set_keep_alive(const Setting& from, ServeOptions& options) {
  int64_t seconds = 0;
  options.keep_alive = parse_whole_number(from.value, seconds) ? from.value + "s" : from.value;
  options.keep_alive_source = from.name;
  return {};
}

Result<void> set_load_timeout(const Setting& from, ServeOptions& options) {
  int64_t seconds = 0;
  options.load_timeout = parse_whole_number(from.value, seconds) ? from.value + "s" : from.value;
  options.load_timeout_source = from.name;
  return {};
}

Result<void> set_kv_cache_type(const Setting& from, ServeOptions& options) {
  const auto type = parse_cache_type(from.value);
  if (!type) {
    return make_error(ErrorCode::kUsage, "{}: expected f16, bf16, q8_0 or q4_0, found '{}'", from.name,
                      from.value);
  }
  options.kv_types = {*type, *type};
  return {};
}

// With commas between them.
Result<void> set_origins(const Setting& from, ServeOptions& options) {
  for (size_t begin = 0; begin <= from.value.size();) {
    const size_t end = std::min(from.value.find(',', begin), from.value.size());
    std::string origin = from.value.substr(begin, end - begin);
    const auto is_space = [](char c) { return c == ' '; };
    std::erase_if(origin, is_space);
    if (origin == "*") {
      return make_error(ErrorCode::kUsage,
                        "{}: '*' would let every web page that somebody visits use the server; expected the "
                        "origins that may, with commas between them",
                        from.name);
    }
    if (!origin.empty()) options.allowed_origins.push_back(std::move(origin));
    begin = end + 1;
  }
  return {};
}

struct Variable {
  const char* name;     // behind HEARTH_ and OLLAMA_
  const char* options;  // each of which comes before it, with a blank between them
  Result<void> (*set)(const Setting& from, ServeOptions& options);
};

// What says where the models are is read by cli/models_folder.h.
constexpr Variable kVariables[] = {{"HOST", "--host", set_host},
                                   {"CONTEXT_LENGTH", "--context", set_context},
                                   {"NUM_PARALLEL", "--parallel", set_parallel},
                                   {"MAX_QUEUE", "--max-waiting", set_queue},
                                   {"MAX_LOADED_MODELS", "--max-models", set_max_loaded},
                                   {"KEEP_ALIVE", "--keep-alive", set_keep_alive},
                                   {"LOAD_TIMEOUT", "--load-timeout", set_load_timeout},
                                   {"KV_CACHE_TYPE", "--cache-type-k --cache-type-v", set_kv_cache_type},
                                   {"ORIGINS", "--allow-origin", set_origins}};

bool is_given(const Variable& variable, const std::set<std::string>& given) {
  const std::string options = variable.options;
  return std::any_of(given.begin(), given.end(), [&](const std::string& option) {
    return (" " + options + " ").find(" " + option + " ") != std::string::npos;
  });
}

}  // namespace

Result<void> read_environment(const Environment& environment, const std::set<std::string>& given,
                              ServeOptions& options) {
  for (const Variable& variable : kVariables) {
    if (is_given(variable, given)) continue;
    for (const char* prefix : {"HEARTH_", "OLLAMA_"}) {
      Setting setting{std::string(prefix) + variable.name, ""};
      setting.value = environment(setting.name);
      if (setting.value.empty()) continue;
      HEARTH_TRY(variable.set(setting, options));
      break;
    }
  }
  return {};
}

std::string environment_help() {
  std::string help;
  for (const Variable& variable : kVariables)
    fmt::format_to(std::back_inserter(help), "  HEARTH_{:<18} {}\n", variable.name, variable.options);
  return help;
}

}  // namespace hearth::cli
