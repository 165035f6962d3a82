#include "server/transfers/fetcher_process.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "protocol/framing.h"
#include "protocol/status.h"
#include "server/async/queue.h"
#include "server/models/spawn.h"

namespace hearth::server {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using protocol::FetchReport;

constexpr auto kTimeToGo = std::chrono::seconds(2);
// Some ten a second are sent; a client that reads none for hours does not get them all.
constexpr size_t kMaxQueuedReports = 100'000;

// The process, until it has ended and been waited for.
class Child : public std::enable_shared_from_this<Child> {
 public:
  Child(const Executor& executor, SpawnedProcess process, UniqueDescriptor socket)
      : pid_(process.pid),
        reports_(executor),
        socket_(executor, asio::local::stream_protocol(), socket.release()),
        ends_(executor, process.ends.release()),
        kill_timer_(executor) {}
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (is_reaped_) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  void begin(std::string order_frame) {
    order_ = std::move(order_frame);
    asio::async_write(socket_, asio::buffer(order_), [self = shared_from_this()](const error_code&, size_t) {
      // Of an error the reading side learns too.
    });
    read();
    await_end();
  }

  Queue<FetchReport>& reports() { return reports_; }
  pid_t pid() const { return pid_; }

  void kill() noexcept {
    if (!is_reaped_) ::kill(pid_, SIGKILL);
  }

  void stop(const Error& reason) {
    fail(reason);
    error_code ignored;
    socket_.close(ignored);
    kill_after_grace();
  }

 private:
  void read() {
    socket_.async_read_some(asio::buffer(in_),
                            [self = shared_from_this()](const error_code& error, size_t n) {
                              if (!error && self->accept({self->in_.data(), n})) return self->read();
                              self->has_hung_up_ = true;
                              self->kill_after_grace();
                              self->conclude();
                            });
  }

  // False: the fetcher is not to be listened to any more.
  bool accept(std::string_view bytes) {
    reader_.append(bytes);
    while (true) {
      FetchReport report;
      const auto is_whole = reader_.next(report);
      if (!is_whole || reports_.size() >= kMaxQueuedReports) {
        ::kill(pid_, SIGKILL);
        return false;
      }
      if (!*is_whole) return true;
      const bool is_last = report.has_failure() || report.has_fetched();
      reports_.push(std::move(report));
      if (is_last) reports_.close();
    }
  }

  void kill_after_grace() {
    if (is_reaped_) return;
    kill_timer_.expires_after(kTimeToGo);
    kill_timer_.async_wait([self = shared_from_this()](const error_code& error) {
      if (!error && !self->is_reaped_) ::kill(self->pid_, SIGKILL);
    });
  }

  void await_end() {
    ends_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](const error_code& error) {
                       if (!error) self->reap();
                     });
  }

  void reap() {
    int status = 0;
    const pid_t reaped = ::waitpid(pid_, &status, WNOHANG);
    if (reaped == 0) return await_end();
    is_reaped_ = true;
    kill_timer_.cancel();
    reason_ = reaped != pid_        ? "somebody else saw its end"
              : WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                                    : fmt::format("exit code {}", WEXITSTATUS(status));
    conclude();
  }

  // Once it is gone and all that it said has been read.
  void conclude() {
    if (!is_reaped_ || !has_hung_up_) return;
    fail(make_error(
        ErrorCode::kUnavailable,
        "the fetcher process ended unexpectedly ({}); what it fetched is kept, and the next try goes on "
        "from there",
        reason_));
  }

  void fail(const Error& error) {
    if (reports_.closed()) return;
    FetchReport report;
    *report.mutable_failure() = protocol::failure_of(error);
    reports_.push(std::move(report));
    reports_.close();
  }

  const pid_t pid_;
  Queue<FetchReport> reports_;
  asio::local::stream_protocol::socket socket_;
  asio::posix::stream_descriptor ends_;
  asio::steady_timer kill_timer_;
  std::array<char, 16384> in_{};
  protocol::FrameReader reader_;
  std::string order_;
  std::string reason_;
  bool has_hung_up_ = false;
  bool is_reaped_ = false;
};

class Process final : public FetcherProcess {
 public:
  explicit Process(std::shared_ptr<Child> child) : child_(std::move(child)) {}
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process() override {
    try {
      end();
    } catch (...) {  // no memory to ask it
      child_->kill();
    }
  }

  Task<std::optional<FetchReport>> next() override {
    const std::shared_ptr<Child> child = child_;  // which the caller may let go of meanwhile
    co_return co_await child->reports().next();
  }
  void stop() override { end(); }
  pid_t pid() const override { return child_->pid(); }

 private:
  void end() {
    child_->stop(Error(ErrorCode::kCancelled, "the transfer was cancelled; what was fetched is kept"));
  }

  std::shared_ptr<Child> child_;
};

}  // namespace

Result<std::unique_ptr<FetcherProcess>> FetcherProcess::start(const Executor& executor,
                                                              const std::string& executable,
                                                              const protocol::FetchOrder& order) {
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0)
    return make_error(ErrorCode::kIo, "cannot start a fetcher process: socketpair: {}", std::strerror(errno));
  UniqueDescriptor ours(pair[0]);
  const UniqueDescriptor theirs(pair[1]);
  std::string frame;
  HEARTH_TRY(protocol::append_frame(frame, order));
  protocol::FetchOrder check;
  protocol::FrameReader reader;
  reader.append(frame);
  if (const auto is_whole = reader.next(check); !is_whole || !*is_whole)
    return Error(ErrorCode::kInvalidArgument, "expected names and paths in UTF-8, found bytes that are none");
  HEARTH_ASSIGN(SpawnedProcess spawned, spawn(executable, {"hearth", "fetcher-process", order.name()},
                                              fetcher_environment(), {theirs.get()}));
  auto child = std::make_shared<Child>(executor, std::move(spawned), std::move(ours));
  child->begin(std::move(frame));
  return std::unique_ptr<FetcherProcess>(std::make_unique<Process>(std::move(child)));
}

}  // namespace hearth::server
