// The Unix socket of a server, over which it knows whose program it talks to. Browsers cannot reach it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_descriptor.h"

namespace hearth::server::http {

// Where the servers of this person put their sockets, and programs find them: "run" in HEARTH_HOME, else
// "hearth" in XDG_RUNTIME_DIR, else ~/.local/share/hearth/run. Empty where none of these is set.
std::filesystem::path local_socket_folder();

// Of the server that this machine's programs reach at that address: "127.0.0.1-11434.sock", for "localhost"
// and addresses that stand for all of the machine, too. Empty for an address that is not loopback's.
std::string local_socket_name(std::string_view host, uint16_t port);

// Whether a server of this user listens there: the socket and its folder are this user's, no other may write
// the folder, and a connection is accepted.
bool is_own_living_socket(const std::filesystem::path& path);

// Whose program is at the other end of a connection. kIo.
Result<uid_t> peer_user(int socket);
// Who may talk to a server: its own user, and root, who could do whatever that user can.
bool is_allowed_user(uid_t peer, uid_t own) noexcept;

// A socket that listens, of mode 0600 in a folder of mode 0700; the file goes with it. Movable.
class LocalListener {
 public:
  // The folder is made where there is none; one that another user owns or may write is refused. What a dead
  // server left is replaced. kIo; kUnavailable where a living server has it; kUsage for a path that is too
  // long to be a socket's.
  static Result<LocalListener> open(const std::filesystem::path& path);

  LocalListener(LocalListener&& other) noexcept;
  LocalListener& operator=(LocalListener&& other) = delete;
  LocalListener(const LocalListener&) = delete;
  LocalListener& operator=(const LocalListener&) = delete;
  ~LocalListener();

  const std::filesystem::path& path() const noexcept { return path_; }
  // The caller's from now on; the file stays this object's.
  int release() { return socket_.release(); }

 private:
  LocalListener(std::filesystem::path path, UniqueDescriptor socket, dev_t device, ino_t inode)
      : path_(std::move(path)), socket_(std::move(socket)), device_(device), inode_(inode) {}

  std::filesystem::path path_;  // empty: moved from
  UniqueDescriptor socket_;
  dev_t device_;
  ino_t inode_;
};

}  // namespace hearth::server::http
