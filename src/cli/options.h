// Arguments that several commands share.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "models/kv_cache.h"

namespace hearth::cli {

// Texts of any number, each as it was typed: CLI11 by itself takes "[a,b]" for two.
void add_texts_argument(CLI::App& command, const std::string& name, std::vector<std::string>& texts,
                        const std::string& description);
// MODEL, required.
void add_model_argument(CLI::App& command, std::string& path);

// A whole number from `least` to `most`; another one is a wrong command line that names option, range and
// value.
void add_count_option(CLI::App& command, const std::string& name, int64_t& value, int64_t least, int64_t most,
                      const std::string& description);

// The same for a number.
void add_number_option(CLI::App& command, const std::string& name, double& value, double least, double most,
                       const std::string& description);

// --num-thread; 0 stays where it is not given.
void add_threads_option(CLI::App& command, int64_t& n_threads);

// --threads, of commands that work on files; 0 stays where it is not given.
void add_worker_threads_option(CLI::App& command, int64_t& n_threads);

// "q8_0", in either case, to a type that caches may have.
std::optional<tensor::DType> parse_cache_type(std::string text);

// --cache-type-k and --cache-type-v, for commands that run a model or reckon its memory.
void add_cache_type_options(CLI::App& command, models::KvTypes& types);

// The whole number that `text` is; false where it is none, or does not fit.
bool parse_whole_number(const std::string& text, int64_t& value);

}  // namespace hearth::cli
