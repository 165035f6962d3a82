#include "base/sandbox.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <type_traits>

#include "base/unique_descriptor.h"

namespace hearth {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#elif defined(__has_feature)
constexpr bool kSanitized = __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
constexpr bool kSanitized = false;
#endif

// Of linux/landlock.h, whose version on the building machine need not be the running kernel's.
struct LandlockRuleset {
  uint64_t handled_access_fs;
  uint64_t handled_access_net;  // from ABI 4
  uint64_t scoped;              // from ABI 6
};
constexpr uint32_t kAskForVersion = 1;

LandlockRuleset everything_of(long abi) {
  LandlockRuleset rules{};
  // Each later ABI added one or two bits to the 13 of the first.
  const int n_bits = abi == 1 ? 13 : abi == 2 ? 14 : abi < 5 ? 15 : 16;
  rules.handled_access_fs = (uint64_t{1} << n_bits) - 1;
  if (abi >= 4) rules.handled_access_net = 3;  // bind and connect of TCP
  if (abi >= 6) rules.scoped = 3;              // abstract Unix sockets, signals
  return rules;
}

long landlock_abi() {
  return ::syscall(SYS_landlock_create_ruleset, nullptr, size_t{0}, kAskForVersion);
}

Error landlock_error(long abi) {
  return make_error(ErrorCode::kUnsupported, "Landlock {}: cannot be applied: {}", abi, std::strerror(errno));
}

UniqueDescriptor make_ruleset(long abi, const LandlockRuleset& rules) {
  const size_t size = abi < 4 ? 8 : abi < 6 ? 16 : sizeof(rules);
  return UniqueDescriptor(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &rules, size, uint32_t{0})));
}

// Every access that the kernel knows is handled, and none is allowed. The ABI's version; 0 where there is no
// Landlock.
Result<long> apply_landlock() {
  const long abi = landlock_abi();
  if (abi < 1) return 0L;
  const UniqueDescriptor ruleset = make_ruleset(abi, everything_of(abi));
  if (!ruleset || ::syscall(SYS_landlock_restrict_self, ruleset.get(), uint32_t{0}) != 0)
    return landlock_error(abi);
  return abi;
}

// Rights of linux/landlock.h.
enum FileRight : uint64_t {
  kWriteFile = 1U << 1U,
  kReadFile = 1U << 2U,
  kReadFolder = 1U << 3U,
  kRemoveFile = 1U << 5U,
  kMakeFolder = 1U << 7U,
  kMakeFile = 1U << 8U,
  kMoveBetweenFolders = 1U << 13U,  // from ABI 2
  kTruncate = 1U << 14U,            // from ABI 3
};
constexpr uint64_t kRightsOfFiles = kWriteFile | kReadFile | kTruncate;

struct [[gnu::packed]] LandlockPathRule {
  uint64_t allowed;
  int32_t descriptor;
};

// False with errno. What is not there needs no right.
bool allow_below(const UniqueDescriptor& ruleset, const std::filesystem::path& path, uint64_t rights,
                 bool is_needed) {
  constexpr uint32_t kPathBeneath = 1;
  const UniqueDescriptor place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  struct stat status {};
  if (!place || ::fstat(place.get(), &status) != 0) return !is_needed;
  if (!S_ISDIR(status.st_mode)) rights &= kRightsOfFiles;
  const LandlockPathRule rule{rights, place.get()};
  return ::syscall(SYS_landlock_add_rule, ruleset.get(), kPathBeneath, &rule, uint32_t{0}) == 0;
}

// The files of `reach` alone, and no listening. The ABI's version; 0 where it does not suffice: version 1
// forbids to move a file from one folder to another.
Result<long> apply_download_landlock(const DownloadReach& reach) {
  const long abi = landlock_abi();
  if (abi < 2) return 0L;
  LandlockRuleset rules = everything_of(abi);
  if (abi >= 4) rules.handled_access_net = 1;  // bind, but not connect
  const UniqueDescriptor ruleset = make_ruleset(abi, rules);
  if (!ruleset) return landlock_error(abi);
  constexpr uint64_t kReading = kReadFile | kReadFolder;
  const uint64_t writing = kReading | kWriteFile | kRemoveFile | kMakeFolder | kMakeFile |
                           kMoveBetweenFolders | (abi >= 3 ? uint64_t{kTruncate} : 0);
  for (const std::filesystem::path& folder : reach.writable) {
    if (!allow_below(ruleset, folder, writing, true))
      return make_error(ErrorCode::kIo, "{}: {}", folder.string(), std::strerror(errno));
  }
  for (const std::filesystem::path& path : reach.readable) {
    if (!allow_below(ruleset, path, kReading, false))
      return make_error(ErrorCode::kIo, "{}: {}", path.string(), std::strerror(errno));
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), uint32_t{0}) != 0) return landlock_error(abi);
  return abi;
}

using Filter = std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, decltype(&seccomp_release)>;

// Calls that may be made with any arguments.
constexpr std::array kAllowed = {
    // What is open already.
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(sendmsg), SCMP_SYS(recvmsg),
    SCMP_SYS(sendto), SCMP_SYS(recvfrom), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(close), SCMP_SYS(fstat),
    // Memory.
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise),
    // Threads and their end.
    SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(set_tid_address),
    SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    // Signals to itself.
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    // Clocks and chance.
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getcpu), SCMP_SYS(getrandom)};

// What looking up names, connecting, and keeping files takes besides; Landlock says which files.
constexpr std::array kAllowedToDownload = {
    // Connections to others.
    SCMP_SYS(connect), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname),
    SCMP_SYS(getpeername), SCMP_SYS(shutdown), SCMP_SYS(sendmmsg), SCMP_SYS(recvmmsg), SCMP_SYS(bind),
    SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait), SCMP_SYS(eventfd2), SCMP_SYS(pipe2),
    // Files.
    SCMP_SYS(openat), SCMP_SYS(open), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(statx),
    SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(lseek), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
    SCMP_SYS(preadv), SCMP_SYS(pwritev), SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(fadvise64),
    SCMP_SYS(fsync), SCMP_SYS(fdatasync), SCMP_SYS(sync_file_range), SCMP_SYS(rename), SCMP_SYS(renameat),
    SCMP_SYS(renameat2), SCMP_SYS(link), SCMP_SYS(linkat), SCMP_SYS(unlink), SCMP_SYS(unlinkat),
    SCMP_SYS(mkdir), SCMP_SYS(mkdirat), SCMP_SYS(flock), SCMP_SYS(getdents64), SCMP_SYS(access),
    SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(fcntl),
    SCMP_SYS(dup), SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(utimensat), SCMP_SYS(umask),
    SCMP_SYS(getcwd),
    // Who and where it is.
    SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getppid),
    SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(getrusage), SCMP_SYS(prlimit64)};

// What the sanitizers' run time does besides: it looks whether memory may be read by writing it to a pipe,
// and asks for limits and its own name.
constexpr std::array kAllowedToSanitizers = {
    SCMP_SYS(pipe),      SCMP_SYS(pipe2),          SCMP_SYS(prlimit64),
    SCMP_SYS(getrlimit), SCMP_SYS(getrusage),      SCMP_SYS(sysinfo),
    SCMP_SYS(readlink),  SCMP_SYS(sched_getparam), SCMP_SYS(sched_getscheduler)};

// libseccomp returns a negated errno. What the architecture does not have cannot be allowed, and need not be.
bool allow(const Filter& filter, int call, std::initializer_list<scmp_arg_cmp> conditions = {}) {
  if (call < 0) return true;
  return seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, call, static_cast<unsigned>(conditions.size()),
                                conditions.begin()) == 0;
}

bool allow_calls(const Filter& filter) {
  for (const int call : kAllowed) {
    if (!allow(filter, call)) return false;
  }
  if (kSanitized) {
    for (const int call : kAllowedToSanitizers) {
      if (!allow(filter, call)) return false;
    }
  }
  // Memory never becomes code.
  const scmp_arg_cmp not_executable{2, SCMP_CMP_MASKED_EQ, PROT_EXEC, 0};
  // A thread, not a process. clone3 keeps its flags in memory, where a filter cannot look: the C library goes
  // back to clone where there is none.
  const scmp_arg_cmp thread{0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD};
  const scmp_arg_cmp to_itself{0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid()), 0};
  const scmp_arg_cmp set_name{0, SCMP_CMP_EQ, PR_SET_NAME, 0};
  return allow(filter, SCMP_SYS(mmap), {not_executable}) &&
         allow(filter, SCMP_SYS(mprotect), {not_executable}) && allow(filter, SCMP_SYS(clone), {thread}) &&
         allow(filter, SCMP_SYS(tgkill), {to_itself}) &&  // abort()
         allow(filter, SCMP_SYS(prctl), {set_name}) &&
         seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
}

bool allow_download_calls(const Filter& filter) {
  for (const int call : kAllowedToDownload) {
    if (!allow(filter, call)) return false;
  }
  // Netlink is how the resolver finds out which addresses this machine has; sockets of Unix would lead to
  // other programs, a pair of them only to itself.
  for (const int family : {AF_INET, AF_INET6, AF_NETLINK}) {
    const scmp_arg_cmp of_family{0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(family), 0};
    if (!allow(filter, SCMP_SYS(socket), {of_family})) return false;
  }
  const scmp_arg_cmp how_much{1, SCMP_CMP_EQ, FIONREAD, 0};
  const scmp_arg_cmp not_blocking{1, SCMP_CMP_EQ, FIONBIO, 0};
  return allow(filter, SCMP_SYS(socketpair)) && allow(filter, SCMP_SYS(ioctl), {how_much}) &&
         allow(filter, SCMP_SYS(ioctl), {not_blocking});
}

Result<void> apply_filter(bool may_download) {
  // Denied calls fail instead of killing: the C library tries things that it can do without, and a model must
  // not be able to end the process by making it try. What is denied is denied either way.
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)), seccomp_release);
  if (filter == nullptr) return Error(ErrorCode::kUnsupported, "seccomp: cannot make a filter");
  if (!allow_calls(filter) || (may_download && !allow_download_calls(filter)))
    return Error(ErrorCode::kUnsupported, "seccomp: a rule was refused");
  seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1);
  if (const int error = seccomp_load(filter.get()); error != 0) {
    return make_error(ErrorCode::kUnsupported, "seccomp: the kernel refuses the filter: {}",
                      std::strerror(-error));
  }
  return {};
}

Result<void> give_up_privileges() {
  const rlimit nothing{0, 0};
  // Prompts must not end in a core file, nor be read by another process of the same person.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
      ::setrlimit(RLIMIT_CORE, &nothing) != 0) {
    return make_error(ErrorCode::kUnsupported, "sealing the process: {}", std::strerror(errno));
  }
  return {};
}

std::string level_of(long landlock) {
  return landlock == 0 ? std::string("seccomp") : fmt::format("seccomp, Landlock {}", landlock);
}

}  // namespace

Result<std::string> seal_process() {
  HEARTH_TRY(give_up_privileges());
  HEARTH_ASSIGN(const long landlock, apply_landlock());
  HEARTH_TRY(apply_filter(/*may_download=*/false));
  return level_of(landlock);
}

Result<std::string> seal_downloader(const DownloadReach& reach) {
  HEARTH_TRY(give_up_privileges());
  HEARTH_ASSIGN(const long landlock, apply_download_landlock(reach));
  HEARTH_TRY(apply_filter(/*may_download=*/true));
  return level_of(landlock);
}

}  // namespace hearth
