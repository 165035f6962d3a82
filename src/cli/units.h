// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace hearth::cli {

std::string format_bytes(uint64_t bytes);         // "4.9 GB", "512 B": powers of 1000
std::string format_binary_bytes(uint64_t bytes);  // "48 KiB", "2 MiB": caches, whose sizes are powers of two
std::string format_seconds(double seconds);       // "2 min 5 s", "1.2 s", "340 ms"
std::string format_rate(double per_second);       // "12.3 tokens/s"
std::string format_count(uint64_t count);         // "8.03 B", "260 K"
std::string group_digits(uint64_t number);        // "1,234,567"

}  // namespace hearth::cli
