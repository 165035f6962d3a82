#include "store/layer_kinds.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

namespace hearth::store {
namespace {

using Digests = std::vector<Digest>;

// In the order in which the manifest has them.
std::map<std::string, Digests> digests_by_kind(const Manifest& manifest) {
  std::map<std::string, Digests> kinds;
  for (const Layer& layer : manifest.layers) kinds[layer_kind(layer.media_type)].push_back(layer.digest);
  return kinds;
}

}  // namespace

std::string layer_kind(std::string_view type) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kKinds{
      {{media_type::kModel, "weights"},
       {media_type::kProjector, "projector"},
       {media_type::kAdapter, "adapter"},
       {media_type::kTemplate, "template"},
       {media_type::kPrompt, "template"},
       {media_type::kSystem, "system"},
       {media_type::kParams, "parameters"},
       {media_type::kMessages, "messages"},
       {media_type::kLicense, "license"}}};
  const auto at = std::ranges::find(kKinds, type, &std::pair<std::string_view, std::string_view>::first);
  return std::string(at == kKinds.end() ? type : at->second);
}

std::vector<std::string> changed_parts(const Manifest& before, const Manifest& after) {
  const auto old_kinds = digests_by_kind(before);
  const auto new_kinds = digests_by_kind(after);
  std::set<std::string> kinds;
  for (const auto& [kind, digests] : old_kinds) kinds.insert(kind);
  for (const auto& [kind, digests] : new_kinds) kinds.insert(kind);
  std::vector<std::string> changed;
  for (const std::string& kind : kinds) {
    const auto was = old_kinds.find(kind);
    const auto is = new_kinds.find(kind);
    const bool both = was != old_kinds.end() && is != new_kinds.end();
    if (!both || was->second != is->second) changed.push_back(kind);
  }
  if (changed.empty() && before.config.digest != after.config.digest) changed.emplace_back("config");
  if (changed.empty() && before.layers != after.layers) changed.emplace_back("order");
  if (changed.empty() && before.media_type != after.media_type) changed.emplace_back("media type");
  return changed;
}

}  // namespace hearth::store
