// Who may ask: the lines of the input are a host and an origin that are allowed, a Host and an Origin that
// are sent, a key, and names of scopes.
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/check.h"
#include "server/accounts/exposure.h"
#include "server/accounts/keys.h"
#include "server/http/access_policy.h"

namespace {

using namespace hearth::server;

constexpr std::string_view kOwn = "http://own.example";

std::string_view next_line(std::string_view& rest) {
  const size_t end = std::min(rest.find('\n'), rest.size());
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return line;
}

accounts::KeyStore open_keys() {
  char path[] = "/tmp/hearth-fuzz-XXXXXX";
  HEARTH_CHECK(::mkdtemp(path) != nullptr);
  auto store = accounts::KeyStore::open(std::filesystem::path(path) / "keys.db");
  HEARTH_CHECK(store);
  std::filesystem::remove_all(path);  // which the database has open
  return std::move(*store);
}

std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

void judge(const http::AccessPolicy& policy, std::string_view host, std::string_view origin) {
  for (const char* local : {"127.0.0.1", "::1", "192.168.1.5", "2001:db8::5"}) {
    if (!policy.allows_host(host, local)) continue;
    // What is allowed is one host and no more, in whatever way it is read.
    HEARTH_CHECK(!host.empty() && host.size() <= 300);
    HEARTH_CHECK(host.find_first_of(std::string_view(" \t\r\n/@,\\?#%\0", 12)) == std::string_view::npos);
  }
  if (policy.allows_origin(origin, "http://localhost:11434")) {
    HEARTH_CHECK(origin.find("://") != std::string_view::npos);
    HEARTH_CHECK(origin.find_first_of(std::string_view(" \t\r\n,\0", 6)) == std::string_view::npos);
    HEARTH_CHECK(policy.allows_page(origin, "cross-site", "http://localhost:11434"));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string allowed_host(next_line(rest));
  const std::string allowed_origin(next_line(rest));
  const std::string_view host = next_line(rest);
  const std::string_view origin = next_line(rest);
  const std::string_view token = next_line(rest);
  const std::string_view scopes = next_line(rest);

  static const http::AccessPolicy usual = std::move(*http::AccessPolicy::create({}, {}));
  judge(usual, host, origin);
  // Strangers' pages, whatever they are called, are let in by configuration only.
  if (usual.allows_origin(origin, kOwn) && lower_case(origin) != kOwn) {
    const std::string lower = lower_case(origin);
    const std::array<std::string_view, 9> known = {
        "http://localhost", "https://localhost", "http://127.0.0.1", "https://127.0.0.1",
        "http://[::1]",     "https://[::1]",     "app://",           "tauri://",
        "vscode-webview://"};
    HEARTH_CHECK(
        std::any_of(known.begin(), known.end(), [&](auto begin) { return lower.starts_with(begin); }));
  }
  const auto policy = http::AccessPolicy::create({allowed_host}, {allowed_origin});
  if (policy) {
    judge(*policy, host, origin);
    HEARTH_CHECK(!policy->allows_origin("null", "http://localhost"));
    HEARTH_CHECK(!policy->allows_origin("", "http://localhost"));
  }
  (void)accounts::is_loopback(host);

  static accounts::KeyStore keys = open_keys();
  const auto found = keys.find(token);
  HEARTH_CHECK(found && !*found);  // there is none that could be guessed
  if (const auto parsed = accounts::Scopes::parse(scopes)) {
    const auto again = accounts::Scopes::parse(parsed->names());
    HEARTH_CHECK(again && *again == *parsed);
  }
  return 0;
}
