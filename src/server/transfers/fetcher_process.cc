#include "server/transfers/fetcher_process.h"

#include "protocol/framing.h"
#include "protocol/status.h"
#include "server/async/queue.h"
#include "server/process/child_process.h"

namespace hearth::server {
namespace {

using protocol::FetchReport;

// Some ten a second are sent; a client that reads none for hours does not get them all.
constexpr size_t kMaxQueuedReports = 100'000;

// The process, until it has ended and been waited for.
class Child final : public ChildProcess {
 public:
  Child(const Executor& executor, StartedChild child)
      : ChildProcess(executor, std::move(child)), reports_(executor) {}

  Queue<FetchReport>& reports() { return reports_; }

  void stop(const Error& reason) {
    fail(reason);
    hang_up();
  }

 private:
  bool accept(std::string_view bytes) override {
    reader_.append(bytes);
    while (true) {
      FetchReport report;
      const auto is_whole = reader_.next(report);
      if (!is_whole || reports_.size() >= kMaxQueuedReports) return false;
      if (!*is_whole) return true;
      const bool is_last = report.has_failure() || report.has_fetched();
      reports_.push(std::move(report));
      if (is_last) reports_.close();
    }
  }

  void conclude(const std::string& reason) override {
    fail(make_error(
        ErrorCode::kUnavailable,
        "the fetcher process ended unexpectedly ({}); what it fetched is kept, and the next try goes on "
        "from there",
        reason));
  }

  void fail(const Error& error) {
    if (reports_.closed()) return;
    FetchReport report;
    *report.mutable_failure() = protocol::failure_of(error);
    reports_.push(std::move(report));
    reports_.close();
  }

  Queue<FetchReport> reports_;
  protocol::FrameReader reader_;
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
  pid_t pid() const override { return child_->process_id(); }

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
  std::string frame;
  HEARTH_TRY(protocol::append_frame(frame, order));
  protocol::FetchOrder check;
  protocol::FrameReader reader;
  reader.append(frame);
  if (const auto is_whole = reader.next(check); !is_whole || !*is_whole)
    return Error(ErrorCode::kInvalidArgument, "expected names and paths in UTF-8, found bytes that are none");
  HEARTH_ASSIGN(StartedChild started,
                start_child(executable, {"hearth", "fetcher-process", order.name()}, fetcher_environment()));
  auto child = std::make_shared<Child>(executor, std::move(started));
  child->listen();
  child->send(frame);
  return std::unique_ptr<FetcherProcess>(std::make_unique<Process>(std::move(child)));
}

}  // namespace hearth::server
