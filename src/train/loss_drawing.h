// How a run's loss went, as a drawing.
#pragma once

#include <span>
#include <string>

#include "train/run_log.h"

namespace hearth::train {

// An SVG document: losses over steps, those of training smoothed and as they are, and those of what was held
// out.
std::string draw_losses(const std::string& title, std::span<const LogEntry> entries);

}  // namespace hearth::train
