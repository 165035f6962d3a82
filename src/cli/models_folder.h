// Where the models of this machine are, for the commands that serve or care for them.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace hearth::cli {

// `named` (of --models) where it is not empty; else HEARTH_MODELS; else, where HEARTH_HOME is set, "models"
// in it; else OLLAMA_MODELS; else ~/.ollama/models, where that is a store; else "models" in Hearth's own
// folder. kNotFound where what was named is not there. Hearth's own is made.
Result<std::filesystem::path> models_folder(const std::string& named);

inline constexpr const char* kModelsFolderHelp =
    R"(Models are in the folder of --models, else of HEARTH_MODELS, else in HEARTH_HOME's folder models, else in that of
OLLAMA_MODELS, else in ~/.ollama/models where Ollama has its store there, else in Hearth's own
(~/.local/share/hearth/models).)";

}  // namespace hearth::cli
