// SentencePiece's spelling of a space.
#pragma once

#include <string>
#include <string_view>

namespace hearth::text {

constexpr std::string_view kMarkedSpace = "\u2581";

// `text` with a plain space for each marker.
std::string spaces_for_markers(std::string_view text);

}  // namespace hearth::text
