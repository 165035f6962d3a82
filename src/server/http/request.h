// A request as handlers see it: parsed, within its limits, and from somebody who may ask.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth::server::http {

enum class Method { kGet, kHead, kPost, kPut, kDelete, kOptions };
std::string_view method_name(Method method) noexcept;

// Who asks. Without keys on a loopback server everybody is the same local person.
struct Identity {
  std::string key_id;  // of the API key; empty: none was needed and none was given
  std::string name;    // that the key was given; for logs and limits
};

struct Request {
  Method method = Method::kGet;
  std::string path;                                          // decoded, without the query
  std::vector<std::pair<std::string, std::string>> query;    // decoded, in their order
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::vector<std::string> parameters;  // what stood for each {name} of the route's pattern, decoded
  std::string body;                     // whole, decompressed
  std::string peer;                     // "127.0.0.1"
  std::string id;                       // made by the server for each request: "req_" and 24 hex digits
  Identity identity;

  // The first header or parameter of that name; headers in lower case.
  std::optional<std::string_view> header(std::string_view name) const;
  std::optional<std::string_view> query_value(std::string_view name) const;
};

}  // namespace hearth::server::http
