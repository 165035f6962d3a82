#include "base/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/mapped_file.h"
#include "tests/support/temporary_folder.h"

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#endif

namespace hearth {
namespace {

using Seal = std::function<Result<std::string>()>;

// What a sealed child says of its acts: a line for each that went wrong.
std::string report_of_sealed(const std::function<std::string()>& acts, const Seal& seal = seal_process) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    const auto sealed = seal();
    const std::string report = sealed ? acts() : "not sealed: " + sealed.error().message() + "\n";
    const ssize_t written = write(ends[1], report.data(), report.size());
    _exit(written == static_cast<ssize_t>(report.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string report;
  char bytes[4096];
  for (ssize_t n = 0; (n = read(ends[0], bytes, sizeof(bytes))) > 0;)
    report.append(bytes, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) report += "the child did not end as it should\n";
  return report;
}

struct Act {
  std::string name;
  std::function<long()> attempt;  // as a system call returns
  int expected_errno = EPERM;
};

template <typename... Args>
std::function<long()> call(long number, Args... args) {
  return [=] { return ::syscall(number, args...); };
}

void add_network(std::vector<Act>& acts) {
  constexpr int kFamilies[] = {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK, AF_PACKET, AF_VSOCK};
  for (const int family : kFamilies) {
    acts.push_back(
        {fmt::format("socket of family {}", family), [family] { return ::socket(family, SOCK_DGRAM, 0); }});
  }
  static const sockaddr_un address{AF_UNIX, "/tmp/none"};
  acts.push_back({"socketpair", [] {
                    int pair[2];
                    return ::socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
                  }});
  acts.push_back({"connect", call(SYS_connect, 3, &address, sizeof(address))});
  acts.push_back({"bind", call(SYS_bind, 3, &address, sizeof(address))});
  acts.push_back({"listen", call(SYS_listen, 3, 1)});
  acts.push_back({"accept4", call(SYS_accept4, 3, nullptr, nullptr, 0)});
}

void add_files(std::vector<Act>& acts) {
  static const char* const kSecret = "/etc/passwd";
  static const char* const kNew = "/tmp/hearth-sandbox-test";
  struct How {
    uint64_t flags, mode, resolve;
  };
  static const How how{O_RDONLY, 0, 0};
  acts.push_back({"openat", call(SYS_openat, AT_FDCWD, kSecret, O_RDONLY)});
  acts.push_back({"openat2", call(SYS_openat2, AT_FDCWD, kSecret, &how, sizeof(how))});
  acts.push_back({"newfstatat", [] {
                    struct stat status {};
                    return ::syscall(SYS_newfstatat, AT_FDCWD, kSecret, &status, 0);
                  }});
  acts.push_back({"faccessat", call(SYS_faccessat, AT_FDCWD, kSecret, R_OK)});
  acts.push_back({"unlinkat", call(SYS_unlinkat, AT_FDCWD, kNew, 0)});
  acts.push_back({"renameat2", call(SYS_renameat2, AT_FDCWD, kNew, AT_FDCWD, "/tmp/other", 0)});
  acts.push_back({"mkdirat", call(SYS_mkdirat, AT_FDCWD, kNew, 0700)});
  acts.push_back({"mknodat", call(SYS_mknodat, AT_FDCWD, kNew, S_IFIFO | 0600, 0)});
  acts.push_back({"symlinkat", call(SYS_symlinkat, kSecret, AT_FDCWD, kNew)});
  acts.push_back({"linkat", call(SYS_linkat, AT_FDCWD, kSecret, AT_FDCWD, kNew, 0)});
  acts.push_back({"fchmodat", call(SYS_fchmodat, AT_FDCWD, kNew, 0777)});
  acts.push_back({"fchownat", call(SYS_fchownat, AT_FDCWD, kNew, 0, 0, 0)});
  acts.push_back({"truncate", call(SYS_truncate, kNew, 0)});
  acts.push_back({"chdir", call(SYS_chdir, "/")});
  acts.push_back({"chroot", call(SYS_chroot, "/")});
  acts.push_back({"mount", call(SYS_mount, "none", "/tmp", "tmpfs", 0, nullptr)});
  acts.push_back({"umount2", call(SYS_umount2, "/tmp", 0)});
  acts.push_back({"pivot_root", call(SYS_pivot_root, "/", "/")});
  acts.push_back({"inotify_init1", call(SYS_inotify_init1, 0)});
  acts.push_back({"fanotify_init", call(SYS_fanotify_init, 0, 0)});
  acts.push_back({"name_to_handle_at", call(SYS_name_to_handle_at, AT_FDCWD, kSecret, nullptr, nullptr, 0)});
  acts.push_back({"getdents64", call(SYS_getdents64, 0, nullptr, 0)});
  acts.push_back({"ftruncate", call(SYS_ftruncate, 0, 0)});
#ifdef SYS_open
  acts.push_back({"open", call(SYS_open, kSecret, O_RDONLY)});
  acts.push_back({"creat", call(SYS_creat, kNew, 0600)});
  acts.push_back({"unlink", call(SYS_unlink, kNew)});
  acts.push_back({"rename", call(SYS_rename, kNew, "/tmp/other")});
  acts.push_back({"mkdir", call(SYS_mkdir, kNew, 0700)});
  acts.push_back({"symlink", call(SYS_symlink, kSecret, kNew)});
  acts.push_back({"chmod", call(SYS_chmod, kNew, 0777)});
  acts.push_back({"chown", call(SYS_chown, kNew, 0, 0)});
#endif
}

void add_processes(std::vector<Act>& acts) {
  static char program[] = "/bin/true";
  static char* arguments[] = {program, nullptr};
  static char* no_environment[] = {nullptr};
  const auto as_child = [](long child) {
    if (child == 0) _exit(0);
    return child;
  };
  acts.push_back({"execve", call(SYS_execve, program, arguments, no_environment)});
  acts.push_back({"execveat", call(SYS_execveat, AT_FDCWD, program, arguments, no_environment, 0)});
  acts.push_back({"memfd_create", call(SYS_memfd_create, "code", 0)});
  acts.push_back(
      {"clone of a process", [as_child] { return as_child(::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)); }});
  acts.push_back({"clone3", call(SYS_clone3, nullptr, 0), ENOSYS});
#ifdef SYS_fork
  acts.push_back({"fork", [as_child] { return as_child(::syscall(SYS_fork)); }});
  acts.push_back({"vfork", [as_child] { return as_child(::syscall(SYS_vfork)); }});
#endif
  acts.push_back({"kill of the parent", [] { return ::syscall(SYS_kill, ::getppid(), 0); }});
  acts.push_back({"tgkill of the parent", [] { return ::syscall(SYS_tgkill, ::getppid(), ::getppid(), 0); }});
  acts.push_back({"tkill", [] { return ::syscall(SYS_tkill, ::getppid(), 0); }});
  acts.push_back({"pidfd_open", [] { return ::syscall(SYS_pidfd_open, ::getppid(), 0); }});
  acts.push_back({"ptrace", [] { return ::syscall(SYS_ptrace, PTRACE_TRACEME, 0, nullptr, nullptr); }});
  static char byte;
  static const iovec place{&byte, 1};
  acts.push_back({"process_vm_readv",
                  [] { return ::syscall(SYS_process_vm_readv, ::getppid(), &place, 1L, &place, 1L, 0L); }});
  acts.push_back({"process_vm_writev",
                  [] { return ::syscall(SYS_process_vm_writev, ::getppid(), &place, 1L, &place, 1L, 0L); }});
  acts.push_back({"unshare", call(SYS_unshare, CLONE_NEWNS)});
  acts.push_back({"setns", call(SYS_setns, 0, 0)});
  acts.push_back({"setuid", call(SYS_setuid, 0)});
  acts.push_back({"setgid", call(SYS_setgid, 0)});
  acts.push_back({"setsid", call(SYS_setsid)});
  acts.push_back({"capset", call(SYS_capset, nullptr, nullptr)});
  acts.push_back({"prctl(PR_SET_DUMPABLE)", call(SYS_prctl, PR_SET_DUMPABLE, 1, 0, 0, 0)});
}

void add_memory_and_kernel(std::vector<Act>& acts) {
  acts.push_back({"mmap of code", [] {
                    return reinterpret_cast<long>(
                        ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
                  }});
  acts.push_back({"mprotect to code", [] {
                    void* page =
                        ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
                    return static_cast<long>(::mprotect(page, 4096, PROT_READ | PROT_EXEC));
                  }});
  acts.push_back({"pkey_mprotect", call(SYS_pkey_mprotect, nullptr, 0, PROT_EXEC, -1)});
  acts.push_back({"ioctl(TIOCSTI)", call(SYS_ioctl, 0, 0x5412, "x")});
  acts.push_back({"fcntl", call(SYS_fcntl, 0, F_GETFL)});
  acts.push_back({"dup", call(SYS_dup, 0)});
  acts.push_back({"io_uring_setup", call(SYS_io_uring_setup, 1, nullptr)});
  acts.push_back({"bpf", call(SYS_bpf, 0, nullptr, 0)});
  acts.push_back({"keyctl", call(SYS_keyctl, 0, -3, 0)});
  acts.push_back({"add_key", call(SYS_add_key, "user", "x", "y", 1, -3)});
  acts.push_back({"perf_event_open", call(SYS_perf_event_open, nullptr, 0, -1, -1, 0)});
  acts.push_back({"userfaultfd", call(SYS_userfaultfd, 0)});
  acts.push_back({"seccomp", call(SYS_seccomp, 0, 0, nullptr)});
  acts.push_back({"landlock_create_ruleset", call(SYS_landlock_create_ruleset, nullptr, 0, 1)});
  acts.push_back({"swapon", call(SYS_swapon, "/tmp/none", 0)});
  acts.push_back({"reboot", call(SYS_reboot, 0, 0, 0, nullptr)});
  acts.push_back({"init_module", call(SYS_init_module, nullptr, 0, "")});
  acts.push_back({"finit_module", call(SYS_finit_module, 0, "", 0)});
  acts.push_back({"kexec_load", call(SYS_kexec_load, 0, 0, nullptr, 0)});
  acts.push_back({"settimeofday", call(SYS_settimeofday, nullptr, nullptr)});
  acts.push_back({"sethostname", call(SYS_sethostname, "x", 1)});
  acts.push_back({"syslog", call(SYS_syslog, 10, nullptr, 0)});
  acts.push_back({"acct", call(SYS_acct, nullptr)});
  acts.push_back({"quotactl", call(SYS_quotactl, 0, nullptr, 0, nullptr)});
  acts.push_back({"shmget", call(SYS_shmget, 0, 4096, 01600)});
  acts.push_back({"mq_open", call(SYS_mq_open, "x", O_RDWR | O_CREAT, 0600, nullptr)});
  acts.push_back({"eventfd2", call(SYS_eventfd2, 0, 0)});
  acts.push_back({"sched_setaffinity of the parent", [] {
                    cpu_set_t all;
                    std::memset(&all, 0xFF, sizeof(all));
                    return ::syscall(SYS_sched_setaffinity, ::getppid(), sizeof(all), &all);
                  }});
}

TEST(SealedProcess, ForbiddenActs_AreDeniedOneByOne) {
  std::vector<Act> acts;
  add_network(acts);
  add_files(acts);
  add_processes(acts);
  add_memory_and_kernel(acts);
  RecordProperty("acts", static_cast<int>(acts.size()));
  EXPECT_GE(acts.size(), 80U);
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  const std::string report = report_of_sealed([&] {
    std::string failures;
    for (const Act& act : acts) {
      errno = 0;
      const long result = act.attempt();
      if (result != -1 || errno != act.expected_errno) {
        failures += fmt::format("{}: returned {}, errno {}\n", act.name, result, std::strerror(errno));
      }
      // What an engine is there for goes on: bytes come and are answered.
      char byte = 0;
      if (send(pair[0], "x", 1, MSG_NOSIGNAL) != 1 || recv(pair[1], &byte, 1, MSG_DONTWAIT) != 1 ||
          byte != 'x') {
        failures += fmt::format("after {}: nothing is answered any more\n", act.name);
      }
    }
    return failures;
  });
  EXPECT_EQ(report, "");
  for (const int descriptor : pair) close(descriptor);
}

TEST(SealedProcess, WithoutTheSeal_TheTestWouldNotice) {
  std::vector<Act> acts;
  add_network(acts);
  add_files(acts);
  size_t n_denied = 0;
  for (const Act& act : acts) {
    if (act.name.starts_with("openat") || act.name == fmt::format("socket of family {}", AF_UNIX) ||
        act.name == "getdents64") {
      errno = 0;
      n_denied += act.attempt() == -1 && errno == EPERM ? 1U : 0U;
    }
  }
  EXPECT_EQ(n_denied, 0U);
}

TEST(SealedProcess, WhatComputingNeeds_StillWorks) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  const int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  const std::string report = report_of_sealed([&]() -> std::string {
    std::string failures;
    const auto expect = [&](bool held, const char* what) {
      if (!held) failures += fmt::format("{}\n", what);
    };
    int from_thread = 0;
    std::thread([&] { from_thread = 7; }).join();
    expect(from_thread == 7, "a thread");
    const auto memory = std::make_unique<std::vector<char>>(size_t{64} << 20U, 'x');
    expect(memory->back() == 'x', "memory");
    const auto mapped = MappedFile::of_descriptor(file, "exe");
    expect(mapped && !mapped->bytes().empty() && mapped->bytes()[1] == std::byte{'E'}, "a mapped descriptor");
    expect(send(pair[0], "ab", 2, MSG_DONTWAIT | MSG_NOSIGNAL) == 2, "send");
    pollfd ready{pair[1], POLLIN, 0};
    expect(poll(&ready, 1, 1000) == 1, "poll");
    char bytes[2] = {};
    expect(recv(pair[1], bytes, 2, MSG_DONTWAIT) == 2 && bytes[1] == 'b', "recv");
    expect(time(nullptr) > 0, "the clock");
    const timespec moment{0, 1000};
    expect(nanosleep(&moment, nullptr) == 0, "sleep");
    expect(std::random_device()() != std::random_device()() || std::random_device()() != 0, "chance");
    cpu_set_t processors;
    expect(sched_getaffinity(0, sizeof(processors), &processors) == 0, "the affinity");
    return failures;
  });
  EXPECT_EQ(report, "");
  for (const int descriptor : {pair[0], pair[1], file}) close(descriptor);
}

// --- Downloaders

class SealedDownloader : public ::testing::Test {
 protected:
  SealedDownloader() {
    for (const char* name : {"blobs", "partial", "manifests"})
      std::filesystem::create_directory(folder_ / name);
    std::ofstream(folder_ / "manifests" / "model") << "manifest";
    std::ofstream(folder_ / "certificates") << "pem";
  }
  Seal seal() const {
    return [this] {
      return seal_downloader({.writable = {folder_ / "blobs", folder_ / "partial"},
                              .readable = {folder_ / "certificates", folder_ / "none"}});
    };
  }
  static bool has_landlock() { return syscall(SYS_landlock_create_ruleset, nullptr, 0, 1) >= 2; }

  hearth::testing::TemporaryFolder folder_;
};

TEST_F(SealedDownloader, ForbiddenActs_AreDeniedOneByOne) {
  std::vector<Act> acts;
  add_processes(acts);
  add_memory_and_kernel(acts);
  // Which the C library or libcurl needs for itself.
  constexpr std::string_view kAllowed[] = {"eventfd2", "fcntl", "dup"};
  std::erase_if(acts,
                [&](const Act& act) { return std::ranges::find(kAllowed, act.name) != std::end(kAllowed); });
  for (const int family : {AF_UNIX, AF_PACKET, AF_VSOCK})
    acts.push_back(
        {fmt::format("socket of family {}", family), [family] { return ::socket(family, SOCK_DGRAM, 0); }});
  acts.push_back({"listen", call(SYS_listen, 3, 1)});
  acts.push_back({"accept4", call(SYS_accept4, 3, nullptr, nullptr, 0)});
  acts.push_back({"chroot", call(SYS_chroot, "/")});
  acts.push_back({"mount", call(SYS_mount, "none", "/tmp", "tmpfs", 0, nullptr)});
  acts.push_back({"symlink", call(SYS_symlinkat, "/etc/passwd", AT_FDCWD, (folder_ / "blobs/link").c_str())});
  if (has_landlock()) {
    const auto path = [this](const char* name) { return (folder_ / name).string(); };
    const auto opening = [](const std::string& file, int flags) {
      return [=] { return static_cast<long>(::open(file.c_str(), flags, 0600)); };
    };
    acts.push_back({"reading of another file", opening("/etc/passwd", O_RDONLY), EACCES});
    acts.push_back({"writing beside the store", opening(path("file"), O_WRONLY | O_CREAT), EACCES});
    acts.push_back({"writing of a manifest", opening(path("manifests/model"), O_WRONLY), EACCES});
    acts.push_back({"removal of a manifest",
                    [p = path("manifests/model")] { return static_cast<long>(::unlink(p.c_str())); },
                    EACCES});
    acts.push_back({"writing of certificates", opening(path("certificates"), O_WRONLY), EACCES});
  }
  EXPECT_GE(acts.size(), 50U);
  const std::string report = report_of_sealed(
      [&] {
        std::string failures;
        for (const Act& act : acts) {
          errno = 0;
          if (act.attempt() == -1 && errno == act.expected_errno) continue;
          failures += fmt::format("{}: errno {}\n", act.name, std::strerror(errno));
        }
        return failures;
      },
      seal());
  EXPECT_EQ(report, "");
}

TEST_F(SealedDownloader, WhatDownloadingNeeds_StillWorks) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string report = report_of_sealed(
      [&]() -> std::string {
        std::string failures;
        const auto expect = [&](bool held, const char* what) {
          if (!held) failures += fmt::format("{}: {}\n", what, std::strerror(errno));
        };
        const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
        expect(::connect(socket, reinterpret_cast<sockaddr*>(&address), size) == 0, "a connection");
        const std::string from = folder_ / "partial/x";
        const int file = ::open(from.c_str(), O_RDWR | O_CREAT, 0600);
        expect(::pwrite(file, "x", 1, 100) == 1 && ::ftruncate(file, 50) == 0 && ::fdatasync(file) == 0,
               "a file");
        expect(::rename(from.c_str(), (folder_ / "blobs/x").c_str()) == 0, "its new name");
        expect(::open((folder_ / "certificates").c_str(), O_RDONLY) >= 0, "a certificate");
        int from_thread = 0;
        std::thread([&] { from_thread = 7; }).join();
        expect(from_thread == 7, "a thread");
        return failures;
      },
      seal());
  EXPECT_EQ(report, "");
  EXPECT_TRUE(std::filesystem::exists(folder_ / "blobs/x"));
  ::close(listener);
}

TEST_F(SealedDownloader, FolderThatIsMissing_IsTold) {
  if (!has_landlock()) GTEST_SKIP() << "the kernel has no Landlock";
  const std::string report = report_of_sealed([] { return "sealed\n"; },
                                              [this] {
                                                return seal_downloader({{folder_ / "none"}, {}});
                                              });
  EXPECT_NE(report.find("none: No such file"), std::string::npos) << report;
}

TEST(SealedProcess, Description_SaysWhatTheKernelHas) {
  const long abi = syscall(SYS_landlock_create_ruleset, nullptr, 0, 1);
  const std::string expected = abi < 1 ? "seccomp" : fmt::format("seccomp, Landlock {}", abi);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto sealed = seal_process();
    const std::string text = sealed ? *sealed : sealed.error().message();
    _exit(write(ends[1], text.data(), text.size()) > 0 ? 0 : 1);
  }
  close(ends[1]);
  char bytes[200];
  const ssize_t n = read(ends[0], bytes, sizeof(bytes));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  EXPECT_EQ(std::string(bytes, static_cast<size_t>(std::max<ssize_t>(n, 0))), expected);
}

}  // namespace
}  // namespace hearth
