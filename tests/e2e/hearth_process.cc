#include "tests/e2e/hearth_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>

#include "base/check.h"
#include "tests/support/tiny_llama.h"

namespace hearth::testing {
namespace {

constexpr double kPatienceSeconds = 60.0;

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Pipe {
  int read_end = -1;
  int write_end = -1;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  HEARTH_CHECK(pipe2(ends.data(), O_CLOEXEC) == 0);
  return {ends[0], ends[1]};
}

// In the child: never returns.
[[noreturn]] void become(const char* program, const Arguments& arguments, const Environment& environment) {
  for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
  std::vector<char*> argv{const_cast<char*>(program)};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execvp(program, argv.data());
  _exit(127);
}

int exit_code_of(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// False at the end of the stream, which for a terminal is an error.
bool append_available(int file, std::string& to) {
  std::array<char, 4096> chunk;
  const ssize_t n = read(file, chunk.data(), chunk.size());
  if (n <= 0) return false;
  to.append(chunk.data(), static_cast<size_t>(n));
  return true;
}

// Feeds and drains all pipes together, so that none of them fills up.
void exchange(std::string_view input, int in, int out, int err, Outcome& outcome) {
  std::array<pollfd, 3> files{pollfd{out, POLLIN, 0}, pollfd{err, POLLIN, 0}, pollfd{in, POLLOUT, 0}};
  const std::array<std::string*, 2> texts{&outcome.out, &outcome.err};
  const double deadline = now_s() + kPatienceSeconds;
  while ((files[0].fd >= 0 || files[1].fd >= 0) && now_s() < deadline) {
    poll(files.data(), files.size(), 1000);
    for (size_t i = 0; i < texts.size(); ++i) {
      if (files[i].revents != 0 && !append_available(files[i].fd, *texts[i])) files[i].fd = -1;
    }
    if (files[2].fd < 0 || files[2].revents == 0) continue;
    const ssize_t n = input.empty() ? -1 : write(files[2].fd, input.data(), input.size());
    if (n > 0) input.remove_prefix(static_cast<size_t>(n));
    if (n < 0 || input.empty()) {
      close(files[2].fd);
      files[2].fd = -1;
    }
  }
  if (files[2].fd >= 0) close(files[2].fd);
}

}  // namespace

Outcome run_hearth(const Arguments& arguments, const std::optional<std::string>& input,
                   const Environment& environment) {
  return run_program(HEARTH_PROGRAM, arguments, input, environment);
}

Outcome run_program(const char* program, const Arguments& arguments, const std::optional<std::string>& input,
                    const Environment& environment) {
  signal(SIGPIPE, SIG_IGN);  // a program that does not read its input must not end the test
  const Pipe in = make_pipe();
  const Pipe out = make_pipe();
  const Pipe err = make_pipe();
  const pid_t pid = fork();
  HEARTH_CHECK(pid >= 0);
  if (pid == 0) {
    signal(SIGPIPE, SIG_DFL);
    dup2(input ? in.read_end : open("/dev/null", O_RDONLY), STDIN_FILENO);
    dup2(out.write_end, STDOUT_FILENO);
    dup2(err.write_end, STDERR_FILENO);
    become(program, arguments, environment);
  }
  for (const int end : {in.read_end, out.write_end, err.write_end}) close(end);
  fcntl(in.write_end, F_SETFL, O_NONBLOCK);
  Outcome outcome;
  exchange(input.value_or(""), in.write_end, out.read_end, err.read_end, outcome);
  for (const int end : {out.read_end, err.read_end}) close(end);
  int status = 0;
  waitpid(pid, &status, 0);
  outcome.exit_code = exit_code_of(status);
  return outcome;
}

HearthProcess HearthProcess::start(const Arguments& arguments) {
  const Pipe out = make_pipe();
  const pid_t pid = fork();
  HEARTH_CHECK(pid >= 0);
  if (pid == 0) {
    dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
    dup2(out.write_end, STDOUT_FILENO);
    become(HEARTH_PROGRAM, arguments, {});
  }
  close(out.write_end);
  return {pid, out.read_end};
}

HearthProcess HearthProcess::start_on_terminal(const Arguments& arguments, const Environment& environment) {
  int terminal = -1;
  winsize size{.ws_row = 40, .ws_col = 200, .ws_xpixel = 0, .ws_ypixel = 0};
  const pid_t pid = forkpty(&terminal, nullptr, nullptr, &size);
  HEARTH_CHECK(pid >= 0);
  if (pid == 0) {
    setenv("TERM", "xterm", 1);
    become(HEARTH_PROGRAM, arguments, environment);
  }
  return {pid, terminal};
}

HearthProcess::HearthProcess(HearthProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      file_(std::exchange(other.file_, -1)),
      buffer_(std::move(other.buffer_)) {}

HearthProcess::~HearthProcess() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (file_ >= 0) close(file_);
}

bool HearthProcess::read_more(double deadline_s) {
  while (now_s() < deadline_s) {
    pollfd file{file_, POLLIN, 0};
    if (poll(&file, 1, 100) > 0) return append_available(file_, buffer_);
  }
  return false;
}

std::string HearthProcess::read_until(std::string_view text) {
  const double deadline = now_s() + kPatienceSeconds;
  while (true) {
    const size_t at = buffer_.find(text);
    if (at != std::string::npos) {
      const std::string seen = buffer_.substr(0, at + text.size());
      buffer_.erase(0, seen.size());
      return seen;
    }
    if (read_more(deadline)) continue;
    ADD_FAILURE() << "'" << text << "' did not come; instead: " << buffer_;
    return {};
  }
}

void HearthProcess::type(std::string_view keys) {
  EXPECT_EQ(write(file_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
}

void HearthProcess::send_signal(int signal) {
  kill(pid_, signal);
}

int HearthProcess::wait() {
  const double deadline = now_s() + kPatienceSeconds;
  while (read_more(deadline)) {
  }
  int status = 0;
  while (waitpid(pid_, &status, WNOHANG) == 0) {
    if (now_s() > deadline) {
      ADD_FAILURE() << "the program did not end";
      kill(pid_, SIGKILL);
    }
    usleep(5000);
  }
  pid_ = -1;
  return exit_code_of(status);
}

std::string write_tiny_model(const TemporaryFolder& folder, int64_t context_tokens,
                             const std::string& chat_template) {
  TinyLlamaShape shape;
  shape.context_tokens = context_tokens;
  const std::filesystem::path path = folder / "tiny.gguf";
  GgufWriter writer = TinyLlama(shape, 1).gguf();
  if (!chat_template.empty()) writer.add_string("tokenizer.chat_template", chat_template);
  writer.write(path);
  return path.string();
}

}  // namespace hearth::testing
