// The model that is a part of the program: Ember, a small one that says what Hearth is. How it is made, and
// what it can and cannot do: models/ember.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "base/result.h"
#include "models/checkpoint.h"

namespace hearth::models {

inline constexpr std::string_view kBuiltinModelName = "ember";

// A GGUF file, for as long as the process lives.
std::span<const std::byte> builtin_model_file() noexcept;

Result<std::unique_ptr<const Checkpoint>> open_builtin_model();

}  // namespace hearth::models
