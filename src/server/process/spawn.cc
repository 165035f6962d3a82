#include "server/process/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace hearth::server {
namespace {

constexpr int kFirstDescriptor = 3;

class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  posix_spawn_file_actions_t* get() { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

class Attributes {
 public:
  // No signal is blocked or ignored, whatever this process does with its own.
  Attributes() {
    posix_spawnattr_init(&attributes_);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    for (const int signal : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD}) sigaddset(&signals, signal);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
    posix_spawnattr_setpgroup(&attributes_, 0);
    posix_spawnattr_setflags(&attributes_,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  }
  Attributes(const Attributes&) = delete;
  Attributes& operator=(const Attributes&) = delete;
  ~Attributes() { posix_spawnattr_destroy(&attributes_); }
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

std::vector<char*> pointers_of(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

Error spawn_error(const char* action, int error) {
  return make_error(ErrorCode::kIo, "cannot start a process: {}: {}", action, std::strerror(error));
}

std::vector<std::string> environment_of(std::initializer_list<const char*> names) {
  std::vector<std::string> environment;
  for (const char* name : names) {
    if (const char* value = std::getenv(name)) environment.push_back(fmt::format("{}={}", name, value));
  }
  return environment;
}

}  // namespace

Result<SpawnedProcess> spawn(const std::string& executable, const std::vector<std::string>& arguments,
                             const std::vector<std::string>& environment,
                             const std::vector<int>& descriptors) {
  const int n = static_cast<int>(descriptors.size());
  FileActions actions;
  posix_spawn_file_actions_addopen(actions.get(), STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(actions.get(), STDERR_FILENO, STDOUT_FILENO);
  // First out of the way: a descriptor's new number may be another's old one.
  std::vector<UniqueDescriptor> moved;
  for (int i = 0; i < n; ++i) {
    moved.emplace_back(::fcntl(descriptors[static_cast<size_t>(i)], F_DUPFD_CLOEXEC, kFirstDescriptor + n));
    if (!moved.back()) return spawn_error("a descriptor", errno);
    posix_spawn_file_actions_adddup2(actions.get(), moved.back().get(), kFirstDescriptor + i);
  }
  posix_spawn_file_actions_addclosefrom_np(actions.get(), kFirstDescriptor + n);

  const Attributes attributes;
  const std::vector<char*> argv = pointers_of(arguments);
  const std::vector<char*> envp = pointers_of(environment);
  SpawnedProcess process;
  const int error = ::posix_spawn(&process.pid, executable.c_str(), actions.get(), attributes.get(),
                                  argv.data(), envp.data());
  if (error != 0) return spawn_error(executable.c_str(), error);
  process.ends.reset(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!process.ends) {
    const int reason = errno;
    ::kill(process.pid, SIGKILL);
    ::waitpid(process.pid, nullptr, 0);
    return spawn_error("pidfd_open (Linux 5.3 has it)", reason);
  }
  return process;
}

std::vector<std::string> engine_environment() {
  return environment_of({"HEARTH_ISA", "TZ", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS",
                         "TSAN_OPTIONS", "LSAN_OPTIONS"});
}

std::vector<std::string> fetcher_environment() {
  return environment_of({"https_proxy", "HTTPS_PROXY", "http_proxy", "all_proxy", "ALL_PROXY", "no_proxy",
                         "NO_PROXY", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
                         "LSAN_OPTIONS"});
}

}  // namespace hearth::server
