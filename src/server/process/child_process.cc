#include "server/process/child_process.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "protocol/file_passing.h"

namespace hearth::server {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr auto kGrace = std::chrono::seconds(2);

}  // namespace

Result<StartedChild> start_child(const std::string& executable, const std::vector<std::string>& arguments,
                                 const std::vector<std::string>& environment,
                                 const std::vector<int>& descriptors) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return make_error(ErrorCode::kIo, "cannot start a process: socketpair: {}", std::strerror(errno));
  StartedChild child{.process = {}, .socket = UniqueDescriptor(pair[0])};
  const UniqueDescriptor theirs(pair[1]);
  std::vector<int> inherited{theirs.get()};
  inherited.insert(inherited.end(), descriptors.begin(), descriptors.end());
  HEARTH_ASSIGN(child.process, spawn(executable, arguments, environment, inherited));
  return child;
}

ChildProcess::ChildProcess(const Executor& executor, StartedChild child)
    : pid_(child.process.pid),
      socket_(executor, asio::local::stream_protocol(), child.socket.release()),
      ends_(executor, child.process.ends.release()),
      kill_timer_(executor) {}

ChildProcess::~ChildProcess() {
  if (is_reaped_) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void ChildProcess::listen() {
  read();
  await_end();
}

void ChildProcess::send(std::string_view bytes, UniqueDescriptor file) {
  if (file || out_.empty()) {
    out_.push_back({std::string(bytes), std::move(file)});
  } else {
    out_.back().bytes += bytes;
  }
  write();
}

void ChildProcess::finish_sending() {
  error_code ignored;
  socket_.shutdown(asio::local::stream_protocol::socket::shutdown_send, ignored);
  kill_after_grace();
}

void ChildProcess::hang_up() {
  error_code ignored;
  socket_.close(ignored);
  kill_after_grace();
}

void ChildProcess::kill() noexcept {
  if (!is_reaped_) ::kill(pid_, SIGKILL);
}

void ChildProcess::read() {
  socket_.async_read_some(asio::buffer(in_), [self = shared_from_this()](const error_code& error, size_t n) {
    if (error) return self->note_hang_up();
    if (self->accept({self->in_.data(), n})) return self->read();
    self->kill();
    self->note_hang_up();
  });
}

void ChildProcess::write() {
  if (is_writing_ || out_.empty() || has_hung_up_) return;
  is_writing_ = true;
  being_written_ = std::move(out_.front());
  out_.pop_front();
  if (being_written_.file) {
    write_with_file();
  } else {
    write_rest(0);
  }
}

void ChildProcess::write_rest(size_t from) {
  const std::string& bytes = being_written_.bytes;
  socket_.async_write_some(asio::buffer(bytes.data() + from, bytes.size() - from),
                           [self = shared_from_this(), from](const error_code& error, size_t n) {
                             // Of an error the reading side learns too.
                             if (error) {
                               self->is_writing_ = false;
                             } else {
                               self->note_written(from + n);
                             }
                           });
}

void ChildProcess::note_written(size_t n_bytes) {
  if (n_bytes < being_written_.bytes.size()) return write_rest(n_bytes);
  is_writing_ = false;
  write();
}

void ChildProcess::write_with_file() {
  socket_.async_wait(asio::socket_base::wait_write, [self = shared_from_this()](const error_code& error) {
    if (error) {
      self->is_writing_ = false;
      return;
    }
    const ssize_t n = protocol::send_with_file(self->socket_.native_handle(), self->being_written_.bytes,
                                               self->being_written_.file.get());
    if (n > 0) {
      self->being_written_.file.reset();
      self->note_written(static_cast<size_t>(n));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
      self->write_with_file();
    } else {
      self->is_writing_ = false;
    }
  });
}

void ChildProcess::note_hang_up() {
  has_hung_up_ = true;
  // What has closed its socket, or speaks no sense, has nothing more to do.
  kill_after_grace();
  conclude_if_over();
}

void ChildProcess::await_end() {
  ends_.async_wait(asio::posix::stream_descriptor::wait_read,
                   [self = shared_from_this()](const error_code& error) {
                     if (!error) self->reap();
                   });
}

void ChildProcess::reap() {
  int status = 0;
  const pid_t reaped = ::waitpid(pid_, &status, WNOHANG);
  if (reaped == 0) return await_end();
  is_reaped_ = true;
  kill_timer_.cancel();
  end_reason_ = reaped != pid_        ? "somebody else saw its end"
                : WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                                      : fmt::format("exit code {}", WEXITSTATUS(status));
  conclude_if_over();
}

void ChildProcess::kill_after_grace() {
  if (is_reaped_ || std::exchange(is_kill_planned_, true)) return;
  kill_timer_.expires_after(kGrace);
  kill_timer_.async_wait([self = shared_from_this()](const error_code& error) {
    if (!error) self->kill();
  });
}

void ChildProcess::conclude_if_over() {
  if (!is_reaped_ || !has_hung_up_ || std::exchange(has_concluded_, true)) return;
  conclude(end_reason_);
}

}  // namespace hearth::server
