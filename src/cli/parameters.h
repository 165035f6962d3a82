// The settings of a generation, under Ollama's option names: one table serves the command line (--top-k), the
// interactive session (/set parameter top_k) and what they show.
#pragma once

#include <CLI/App.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sampling/sampler.h"

namespace hearth::cli {

struct Parameters {
  sampling::SamplingOptions sampling;
  int64_t num_predict = -1;  // tokens to generate; -1: until the answer or the context ends
  int64_t num_ctx = 0;       // the context; 0: the model's, at most engine::kDefaultContextTokens
  int64_t num_thread = 0;    // 0: one per physical core
  std::vector<std::string> stop;
};

struct ParameterSpec {
  std::string_view name;         // "top_k"
  std::string_view range;        // "0 to 1", for messages
  std::string_view special;      // what a value stands for: "1: off"; may be empty
  std::string_view description;  // for --help
  // Sets it from text; false where the text is no value of the range. Nothing is changed then.
  bool (*set)(Parameters& parameters, std::string_view text);
  std::string (*get)(const Parameters& parameters);
  std::string_view value_name = "N";  // what stands for a value in --help
};
std::span<const ParameterSpec> parameter_specs();

// Sets a parameter by its name, with '-' or '_'; "stop" adds a stop string. kUsage, with range or nearest
// names.
Result<void> set_parameter(Parameters& parameters, std::string_view name, std::string_view value);

// --top-k and its kin, which write into `parameters` while the line is parsed.
void add_parameter_options(CLI::App& command, Parameters& parameters);

}  // namespace hearth::cli
