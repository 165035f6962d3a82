#include "store/registry/credentials.h"

#include <openssl/evp.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

namespace hearth::store::registry {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxConfigBytes = size_t{1} << 20U;
constexpr size_t kMaxSecretBytes = 65536;

std::string base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int n =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                      reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(n));
  return text;
}

std::optional<std::string> from_base64(const std::string& text) {
  if (text.size() % 4 != 0 || text.size() > kMaxSecretBytes) return std::nullopt;
  std::string bytes(text.size(), '\0');
  const int n =
      EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()),
                      reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size()));
  if (n < 0) return std::nullopt;
  size_t padding = 0;
  while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') ++padding;
  bytes.resize(static_cast<size_t>(n) - padding);
  return bytes;
}

Result<std::optional<std::string>> read_config(const std::filesystem::path& config) {
  std::error_code error;
  if (config.empty() || !std::filesystem::exists(config, error)) return std::optional<std::string>();
  if (!std::filesystem::is_regular_file(config, error) ||
      std::filesystem::file_size(config, error) > kMaxConfigBytes)
    return make_error(ErrorCode::kMalformed, "{}: expected a file of at most {} bytes", config.string(),
                      kMaxConfigBytes);
  std::ifstream file(config, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file) return make_error(ErrorCode::kIo, "{}: cannot be read", config.string());
  return std::optional<std::string>(std::move(text));
}

// Older versions of docker wrote the whole URL: "https://registry.example/v1/".
std::string_view host_of(std::string_view key) {
  for (const std::string_view scheme : {"https://", "http://"}) {
    if (key.starts_with(scheme)) key.remove_prefix(scheme.size());
  }
  return key.substr(0, key.find('/'));
}

// `docker login` without a host keeps what is for Docker's own registry under the name that it once had.
std::string_view login_host(std::string_view registry) {
  const bool is_docker_hub = registry == "docker.io" || registry == "registry-1.docker.io";
  return is_docker_hub ? "index.docker.io" : registry;
}

Result<Credentials> credentials_of(const Json& entry, const std::filesystem::path& config,
                                   std::string_view registry) {
  const auto malformed = [&] {
    return make_error(ErrorCode::kMalformed, "{}: auths of {}: expected \"auth\": base64 of name:password",
                      config.string(), registry);
  };
  if (!entry.is_object() || !entry.contains("auth") || !entry["auth"].is_string()) return malformed();
  const auto decoded = from_base64(entry["auth"].get<std::string>());
  const size_t colon = decoded ? decoded->find(':') : std::string::npos;
  if (colon == std::string::npos) return malformed();
  return Credentials{decoded->substr(0, colon), decoded->substr(colon + 1)};
}

}  // namespace

std::filesystem::path docker_config_path() {
  // NOLINTBEGIN(concurrency-mt-unsafe): nobody sets variables
  if (const char* folder = std::getenv("DOCKER_CONFIG"); folder != nullptr && *folder != '\0')
    return std::filesystem::path(folder) / "config.json";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0')
    return std::filesystem::path(home) / ".docker" / "config.json";
  // NOLINTEND(concurrency-mt-unsafe)
  return {};
}

Result<std::optional<Credentials>> read_credentials(const std::filesystem::path& config,
                                                    std::string_view registry) {
  HEARTH_ASSIGN(const std::optional<std::string> text, read_config(config));
  if (!text) return std::optional<Credentials>();
  const Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object())
    return make_error(ErrorCode::kMalformed, "{}: expected a JSON object", config.string());
  if (!json.contains("auths") || !json["auths"].is_object()) return std::optional<Credentials>();
  for (const auto& [key, entry] : json["auths"].items()) {
    if (host_of(key) != login_host(registry)) continue;
    // An empty entry says that a credential helper has it.
    if (entry.is_object() && !entry.contains("auth")) return std::optional<Credentials>();
    HEARTH_ASSIGN(Credentials credentials, credentials_of(entry, config, registry));
    return std::optional<Credentials>(std::move(credentials));
  }
  return std::optional<Credentials>();
}

std::string basic_credentials(const Credentials& credentials) {
  return base64(credentials.user + ":" + credentials.password);
}

}  // namespace hearth::store::registry
