#include "server/http/local_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "server/http/access_policy.h"

namespace hearth::server::http {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDefaultAddress = "127.0.0.1";

fs::path variable(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  return value == nullptr ? fs::path() : fs::path(value);
}

Error io_error(const fs::path& path, const char* what) {
  return make_error(ErrorCode::kIo, "{}: {}: {}", path.string(), what, std::strerror(errno));
}

// Nothing: the path is too long.
std::optional<sockaddr_un> address_of(const fs::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& text = path.native();
  if (text.empty() || text.size() >= sizeof(address.sun_path)) return std::nullopt;
  std::memcpy(address.sun_path, text.data(), text.size());
  return address;
}

UniqueDescriptor make_socket() {
  return UniqueDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

// 0, or why not.
int try_connection(const sockaddr_un& address) {
  const UniqueDescriptor socket = make_socket();
  if (!socket) return errno;
  const int failed = ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  return failed == 0 ? 0 : errno;
}

bool others_may_write(const struct stat& info) {
  return (info.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

Result<void> make_folder(const fs::path& folder) {
  std::error_code error;
  if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), error);
  if (error)
    return make_error(ErrorCode::kIo, "{}: cannot be made: {}", folder.parent_path().string(),
                      error.message());
  if (::mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST) return io_error(folder, "cannot be made");
  struct stat info {};
  if (::lstat(folder.c_str(), &info) != 0) return io_error(folder, "cannot be looked at");
  if (!S_ISDIR(info.st_mode)) return make_error(ErrorCode::kIo, "{}: expected a folder", folder.string());
  if (info.st_uid != ::geteuid()) {
    return make_error(ErrorCode::kIo, "{}: expected a folder of user {}, found one of user {}",
                      folder.string(), ::geteuid(), info.st_uid);
  }
  if (others_may_write(info)) {
    return make_error(ErrorCode::kIo, "{}: expected a folder that no other user may write, found mode {:o}",
                      folder.string(), info.st_mode & 0777U);
  }
  if ((info.st_mode & 0777U) != S_IRWXU && ::chmod(folder.c_str(), S_IRWXU) != 0)
    return io_error(folder, "cannot be closed to others");
  return {};
}

// What is left of a server that ended without tidying up.
Result<void> remove_stale(const fs::path& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return io_error(path, "cannot be looked at");
  }
  if (!S_ISSOCK(info.st_mode))
    return make_error(ErrorCode::kIo, "{}: expected a socket, found another file", path.string());
  const int error = try_connection(address);
  if (error != ECONNREFUSED) {
    return make_error(ErrorCode::kUnavailable, "{}: another server listens there", path.string());
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return io_error(path, "cannot be removed");
  return {};
}

}  // namespace

fs::path local_socket_folder() {
  if (const fs::path home = variable("HEARTH_HOME"); !home.empty()) return home / "run";
  if (const fs::path runtime = variable("XDG_RUNTIME_DIR"); !runtime.empty()) return runtime / "hearth";
  if (const fs::path home = variable("HOME"); !home.empty()) return home / ".local/share/hearth/run";
  return {};
}

std::string local_socket_name(std::string_view host, uint16_t port) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const bool is_default = host.empty() || host == "localhost" || host == "0.0.0.0" || host == "::";
  if (is_default) host = kDefaultAddress;
  if (!is_loopback_address(host)) return "";
  return fmt::format("{}-{}.sock", host, port);
}

bool is_own_living_socket(const fs::path& path) {
  struct stat folder {};
  struct stat socket {};
  const auto address = address_of(path);
  if (!address || ::lstat(path.parent_path().c_str(), &folder) != 0 || ::lstat(path.c_str(), &socket) != 0)
    return false;
  const uid_t own = ::geteuid();
  const bool is_ours = S_ISDIR(folder.st_mode) && folder.st_uid == own && !others_may_write(folder) &&
                       S_ISSOCK(socket.st_mode) && socket.st_uid == own;
  return is_ours && try_connection(*address) == 0;
}

Result<uid_t> peer_user(int socket) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
    return make_error(ErrorCode::kIo, "a Unix socket: whose program it is: {}", std::strerror(errno));
  return peer.uid;
}

bool is_allowed_user(uid_t peer, uid_t own) noexcept {
  return peer == own || peer == 0;
}

Result<LocalListener> LocalListener::open(const fs::path& path) {
  const auto address = address_of(path);
  if (!address) {
    return make_error(ErrorCode::kUsage, "{}: expected a path of at most {} bytes, which a socket's may have",
                      path.string(), sizeof(sockaddr_un::sun_path) - 1);
  }
  HEARTH_TRY(make_folder(path.parent_path()));
  HEARTH_TRY(remove_stale(path, *address));
  UniqueDescriptor socket = make_socket();
  if (!socket) return io_error(path, "no socket");
  // The file has the mode of the socket, so that there is no moment in which it has another.
  if (::fchmod(socket.get(), S_IRUSR | S_IWUSR) != 0) return io_error(path, "cannot be closed to others");
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0)
    return io_error(path, "cannot be made");
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return io_error(path, "cannot be looked at");
  LocalListener listener(path, std::move(socket), info.st_dev, info.st_ino);
  if (::listen(listener.socket_.get(), SOMAXCONN) != 0) return io_error(path, "cannot listen");
  return listener;
}

LocalListener::LocalListener(LocalListener&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      socket_(std::move(other.socket_)),
      device_(other.device_),
      inode_(other.inode_) {}

LocalListener::~LocalListener() {
  if (path_.empty()) return;
  struct stat info {};
  // Another server may have put its own there meanwhile.
  if (::lstat(path_.c_str(), &info) == 0 && info.st_dev == device_ && info.st_ino == inode_)
    ::unlink(path_.c_str());
}

}  // namespace hearth::server::http
