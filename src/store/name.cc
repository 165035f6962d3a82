#include "store/name.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/excerpt.h"

namespace hearth::store {
namespace {

constexpr size_t kMaxHostLength = 350;
constexpr size_t kMaxPartLength = 80;

enum class Part { kHost, kNamespace, kModel, kTag };

constexpr const char* part_name(Part part) {
  constexpr std::array<const char*, 4> kNames = {"host", "namespace", "model", "tag"};
  return kNames[static_cast<size_t>(part)];
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool may_begin(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

bool may_follow(Part part, char c) {
  if (c == '.') return part != Part::kNamespace;
  if (c == ':') return part == Part::kHost;
  return may_begin(c) || c == '-';
}

Result<void> check_part(Part part, std::string_view text) {
  const size_t most = part == Part::kHost ? kMaxHostLength : kMaxPartLength;
  if (text.empty() || text.size() > most) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected 1 to {} characters, found {}",
                      part_name(part), most, text.size());
  }
  const bool follows = std::all_of(text.begin() + 1, text.end(), [&](char c) { return may_follow(part, c); });
  if (may_begin(text.front()) && follows) return {};
  return make_error(
      ErrorCode::kInvalidArgument, "{}: expected a letter, a digit or '_' and then these{} and '-', found {}",
      part_name(part), part == Part::kNamespace ? "" : (part == Part::kHost ? ", '.', ':'" : ", '.'"),
      quoted_excerpt(text));
}

Result<void> check(const ModelName& name) {
  HEARTH_TRY(check_part(Part::kHost, name.host));
  HEARTH_TRY(check_part(Part::kNamespace, name.namespace_));
  HEARTH_TRY(check_part(Part::kModel, name.model));
  return check_part(Part::kTag, name.tag);
}

// What stands behind the last separator, which is cut off with it; everything where there is none.
std::string_view cut_last(std::string_view& text, char separator) {
  const size_t at = text.rfind(separator);
  if (at == std::string_view::npos) return std::exchange(text, {});
  const std::string_view last = text.substr(at + 1);
  text = text.substr(0, at);
  return last;
}

Result<ModelName> parse_parts(std::string_view rest) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (rest.starts_with(scheme)) rest.remove_prefix(scheme.size());
  }
  ModelName name;
  // A colon before the last slash is that of a port.
  const size_t slash = rest.rfind('/');
  const size_t colon = rest.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    name.tag = cut_last(rest, ':');
  }
  bool more = rest.find('/') != std::string_view::npos;
  name.model = cut_last(rest, '/');
  if (more) {
    more = rest.find('/') != std::string_view::npos;
    name.namespace_ = cut_last(rest, '/');
    if (more) name.host = rest;
  }
  HEARTH_TRY(check(name));
  return name;
}

}  // namespace

Result<ModelName> ModelName::parse(std::string_view text) {
  auto name = parse_parts(text);
  if (!name) return name.error().in(fmt::format("model name {}", quoted_excerpt(text)));
  return name;
}

Result<ModelName> ModelName::from_manifest_path(const std::filesystem::path& relative) {
  std::vector<std::string> parts;
  for (const auto& part : relative) parts.push_back(part.string());
  if (parts.size() != 4) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected host/namespace/model/tag, found {} parts",
                      excerpt(relative.string()), parts.size());
  }
  ModelName name{std::move(parts[0]), std::move(parts[1]), std::move(parts[2]), std::move(parts[3])};
  if (auto checked = check(name); !checked) return checked.error().in(excerpt(relative.string()));
  return name;
}

std::string ModelName::text() const {
  const auto is = [](const std::string& part, std::string_view wanted) {
    return std::ranges::equal(part, wanted, {}, lower);
  };
  if (!is(host, kDefaultHost)) return full_text();
  if (!is(namespace_, kDefaultNamespace)) return fmt::format("{}/{}:{}", namespace_, model, tag);
  return fmt::format("{}:{}", model, tag);
}

std::string ModelName::full_text() const {
  return fmt::format("{}/{}/{}:{}", host, namespace_, model, tag);
}

std::string ModelName::key() const {
  std::string key = full_text();
  std::ranges::transform(key, key.begin(), lower);
  return key;
}

std::filesystem::path ModelName::manifest_path() const {
  return std::filesystem::path(host) / namespace_ / model / tag;
}

bool same_model(const ModelName& a, const ModelName& b) {
  return a.key() == b.key();
}

}  // namespace hearth::store
