#include "server/http/request.h"

namespace hearth::server::http {
namespace {

std::optional<std::string_view> first_of(const std::vector<std::pair<std::string, std::string>>& pairs,
                                         std::string_view name) {
  for (const auto& [key, value] : pairs) {
    if (key == name) return value;
  }
  return std::nullopt;
}

}  // namespace

std::string_view method_name(Method method) noexcept {
  switch (method) {
    case Method::kGet:
      return "GET";
    case Method::kHead:
      return "HEAD";
    case Method::kPost:
      return "POST";
    case Method::kPut:
      return "PUT";
    case Method::kDelete:
      return "DELETE";
    case Method::kOptions:
      return "OPTIONS";
  }
  return "";
}

std::optional<std::string_view> Request::header(std::string_view name) const {
  return first_of(headers, name);
}

std::optional<std::string_view> Request::query_value(std::string_view name) const {
  return first_of(query, name);
}

}  // namespace hearth::server::http
