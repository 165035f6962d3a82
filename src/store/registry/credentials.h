// Names and passwords of registries, where `docker login` keeps them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace hearth::store::registry {

struct Credentials {
  std::string user;
  std::string password;
};

// $DOCKER_CONFIG/config.json, else ~/.docker/config.json; empty where there is neither variable.
std::filesystem::path docker_config_path();

// The entry of `auths` for a registry "host" or "host:port" (for "docker.io" that of Docker Hub) in a
// config.json; nothing where the file or the entry is not there. Credential helpers are programs, and none is
// started. kMalformed, kIo; no message holds a secret.
Result<std::optional<Credentials>> read_credentials(const std::filesystem::path& config,
                                                    std::string_view registry);

// "dXNlcjpwYXNz", as the scheme Basic wants it.
std::string basic_credentials(const Credentials& credentials);

}  // namespace hearth::store::registry
