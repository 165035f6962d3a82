// A child of the front: its process, and a socket to it. What is said over the socket is for who inherits.
#pragma once

#include <sys/types.h>

#include <array>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_descriptor.h"
#include "server/async/task.h"
#include "server/process/spawn.h"

namespace hearth::server {

// A child that was just started, which nobody listens to yet.
struct StartedChild {
  SpawnedProcess process;
  UniqueDescriptor socket;
};

// Starts `executable arguments...`; its end of the socket is descriptor 3, `descriptors` follow. kIo.
Result<StartedChild> start_child(const std::string& executable, const std::vector<std::string>& arguments,
                                 const std::vector<std::string>& environment,
                                 const std::vector<int>& descriptors = {});

// For the thread of the front, and owned by shared_ptr: from listen() on it lives until the process has ended
// and been waited for, or until the io_context is gone; then the process is killed.
class ChildProcess : public std::enable_shared_from_this<ChildProcess> {
 public:
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  virtual ~ChildProcess();

  // Once, when it is owned.
  void listen();
  // In the order of the calls. A child that cannot be told anything any more is one that has hung up. `file`
  // goes with the first of the bytes (SCM_RIGHTS).
  void send(std::string_view bytes, UniqueDescriptor file = {});

  // Tells the child that nothing more will come; what it still says is heard.
  void finish_sending();
  // Closes the socket: nothing is heard any more.
  void hang_up();
  // Now, and not when the grace is over that finish_sending() and hang_up() give it (two seconds).
  void kill() noexcept;

  pid_t process_id() const noexcept { return pid_; }
  // Its side of the socket, or ours, is closed.
  bool has_hung_up() const noexcept { return has_hung_up_; }

 protected:
  ChildProcess(const Executor& executor, StartedChild child);

 private:
  // False: it speaks no sense, and is killed.
  virtual bool accept(std::string_view bytes) = 0;
  // It is gone, and all that it said was heard. `reason`: "signal 9", "exit code 1".
  virtual void conclude(const std::string& reason) = 0;

  void read();
  void write();
  void write_rest(size_t from);
  void write_with_file();
  void note_written(size_t n_bytes);
  void note_hang_up();
  void await_end();
  void reap();
  void kill_after_grace();
  void conclude_if_over();

  const pid_t pid_;
  boost::asio::local::stream_protocol::socket socket_;
  boost::asio::posix::stream_descriptor ends_;
  boost::asio::steady_timer kill_timer_;
  std::array<char, 65536> in_{};
  struct Outgoing {
    std::string bytes;
    UniqueDescriptor file = {};
  };
  std::deque<Outgoing> out_;  // not written yet
  Outgoing being_written_;
  std::string end_reason_;
  bool is_writing_ = false;
  bool is_kill_planned_ = false;
  bool is_reaped_ = false;
  bool has_hung_up_ = false;
  bool has_concluded_ = false;
};

}  // namespace hearth::server
