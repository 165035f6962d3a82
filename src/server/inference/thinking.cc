#include "server/inference/thinking.h"

#include <algorithm>
#include <array>
#include <utility>

namespace hearth::server::inference {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kEfforts = {{
    {"none", ""},
    {"minimal", "low"},
    {"low", "low"},
    {"medium", "medium"},
    {"high", "high"},
    {"xhigh", "high"},
    {"max", "high"},
}};

}  // namespace

std::optional<protocol::Think> read_effort(const wire::Field& effort) {
  const auto word = effort.string();
  if (!word) return std::nullopt;
  const auto* const found =
      std::find_if(kEfforts.begin(), kEfforts.end(), [&](const auto& known) { return known.first == *word; });
  if (found == kEfforts.end()) {
    effort.expected("none, minimal, low, medium, high, xhigh or max");
    return std::nullopt;
  }
  protocol::Think think;
  think.set_enabled(!found->second.empty());
  think.set_effort(std::string(found->second));
  return think;
}

wire::ApiResult<void> check_thinking(const std::string& model, const protocol::Opened& description,
                                     const protocol::Generate& generate, std::string_view field) {
  if (!generate.think().enabled() || description.has_template_thinking()) return {};
  const std::string message =
      fmt::format("{}: {} does not support thinking", field, wire::describe(wire::Json(model)));
  return wire::ApiError(400, message, std::string(field));
}

}  // namespace hearth::server::inference
