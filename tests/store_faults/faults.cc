// To be preloaded (LD_PRELOAD): lets one of the calls that change files fail. Which one, and how, stands in
// the plan (plan.h), which is shared memory behind a descriptor; without it nothing is changed.
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "tests/store_faults/plan.h"

namespace {

using store_faults::Fault;
using store_faults::Plan;

Plan* plan() {
  static Plan* const shared = [] {
    void* memory =
        ::mmap(nullptr, sizeof(Plan), PROT_READ | PROT_WRITE, MAP_SHARED, store_faults::kPlanDescriptor, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<Plan*>(memory);
  }();
  return shared;
}

template <typename Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool is_inside(const char* path) {
  const Plan* shared = plan();
  return shared != nullptr && std::strncmp(path, shared->folder, std::strlen(shared->folder)) == 0;
}

bool is_inside(int descriptor) {
  char link[64];
  char path[512];
  std::snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
  const ssize_t n = ::readlink(link, path, sizeof(path) - 1);
  if (n <= 0) return false;
  path[n] = '\0';
  return is_inside(path);
}

enum class Needs { kSpace, kNothing };

// What becomes of a call: 0, an errno, or -1 for a write that is short.
int verdict(Needs needs, bool is_write = false) {
  Plan* const shared = plan();
  const int32_t number = __atomic_fetch_add(&shared->n_calls, 1, __ATOMIC_SEQ_CST);
  if (shared->fault == Fault::kDiskFull && number >= shared->at && needs == Needs::kSpace) {
    shared->has_happened = 1;
    return ENOSPC;
  }
  if (number != shared->at) return 0;
  switch (shared->fault) {
    case Fault::kNone:
    case Fault::kDiskFull:
      return 0;
    case Fault::kNoSpace:
      shared->has_happened = 1;
      return ENOSPC;
    case Fault::kInputOutput:
      shared->has_happened = 1;
      return EIO;
    case Fault::kShortWrite:
      if (is_write) shared->has_happened = 1;
      return is_write ? -1 : 0;
    case Fault::kKill:
      shared->has_happened = 1;
      ::kill(::getpid(), SIGKILL);
  }
  return 0;
}

template <typename Call>
auto fail_or(int error, Call call) -> decltype(call()) {
  if (error <= 0) return call();
  errno = error;
  return -1;
}

template <typename Call>
ssize_t write_or_fail(int descriptor, size_t size, Call call) {
  if (!is_inside(descriptor)) return call(size);
  const int error = verdict(Needs::kSpace, true);
  if (error < 0) return call(size > 1 ? size / 2 : size);
  return fail_or(error, [&] { return call(size); });
}

int open_or_fail(const char* name, int folder, const char* path, int flags, mode_t mode) {
  const auto call = [&] { return real<int(int, const char*, int, ...)>(name)(folder, path, flags, mode); };
  if ((flags & O_CREAT) == 0 || !is_inside(path)) return call();
  return fail_or(verdict(Needs::kSpace), call);
}

mode_t mode_of(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* bytes, size_t size) {
  return write_or_fail(descriptor, size, [&](size_t n) {
    return real<ssize_t(int, const void*, size_t)>("write")(descriptor, bytes, n);
  });
}

ssize_t recv(int socket, void* bytes, size_t size, int flags) {
  const ssize_t n = real<ssize_t(int, void*, size_t, int)>("recv")(socket, bytes, size, flags);
  if (n > 0 && plan() != nullptr) __atomic_fetch_add(&plan()->n_received, n, __ATOMIC_SEQ_CST);
  return n;
}

ssize_t pwrite(int descriptor, const void* bytes, size_t size, off_t offset) {
  return write_or_fail(descriptor, size, [&](size_t n) {
    return real<ssize_t(int, const void*, size_t, off_t)>("pwrite")(descriptor, bytes, n, offset);
  });
}

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_or_fail("openat", AT_FDCWD, path, flags, mode);
}

int openat(int folder, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_or_fail("openat", folder, path, flags, mode);
}

int mkdir(const char* path, mode_t mode) {
  const auto call = [&] { return real<int(const char*, mode_t)>("mkdir")(path, mode); };
  return is_inside(path) ? fail_or(verdict(Needs::kSpace), call) : call();
}

int unlink(const char* path) {
  const auto call = [&] { return real<int(const char*)>("unlink")(path); };
  return is_inside(path) ? fail_or(verdict(Needs::kNothing), call) : call();
}

int rename(const char* from, const char* to) {
  const auto call = [&] { return real<int(const char*, const char*)>("rename")(from, to); };
  return is_inside(to) ? fail_or(verdict(Needs::kSpace), call) : call();
}

int link(const char* from, const char* to) {
  const auto call = [&] { return real<int(const char*, const char*)>("link")(from, to); };
  return is_inside(to) ? fail_or(verdict(Needs::kSpace), call) : call();
}

int fsync(int descriptor) {
  const auto call = [&] { return real<int(int)>("fsync")(descriptor); };
  return is_inside(descriptor) ? fail_or(verdict(Needs::kSpace), call) : call();
}

int fdatasync(int descriptor) {
  const auto call = [&] { return real<int(int)>("fdatasync")(descriptor); };
  return is_inside(descriptor) ? fail_or(verdict(Needs::kSpace), call) : call();
}

int ftruncate(int descriptor, off_t size) {
  const auto call = [&] { return real<int(int, off_t)>("ftruncate")(descriptor, size); };
  return is_inside(descriptor) ? fail_or(verdict(Needs::kNothing), call) : call();
}

int fchmod(int descriptor, mode_t mode) {
  const auto call = [&] { return real<int(int, mode_t)>("fchmod")(descriptor, mode); };
  return is_inside(descriptor) ? fail_or(verdict(Needs::kNothing), call) : call();
}

int futimens(int descriptor, const struct timespec* times) {
  const auto call = [&] { return real<int(int, const struct timespec*)>("futimens")(descriptor, times); };
  return is_inside(descriptor) ? fail_or(verdict(Needs::kNothing), call) : call();
}

}  // extern "C"
