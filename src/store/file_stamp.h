// Whether a file or folder is still what it was when it was read.
#pragma once

#include <sys/stat.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace hearth::store {

struct FileStamp {
  uint64_t device = 0;
  uint64_t inode = 0;
  int64_t size_bytes = 0;
  int64_t modified_ns = 0;
  int64_t changed_ns = 0;  // of the inode (ctime): nobody can set it

  static FileStamp of(const struct stat& info) noexcept {
    const auto ns = [](const timespec& time) { return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec; };
    return {info.st_dev, info.st_ino, info.st_size, ns(info.st_mtim), ns(info.st_ctim)};
  }
  // Of the entry itself, be it a link. Nothing where there is none.
  static std::optional<FileStamp> of_entry(const std::string& path) noexcept {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return std::nullopt;
    return of(info);
  }

  // Two changes may be less apart than the file system's times are: what was read at `read_at` is known by
  // its stamp only if the last change was well before.
  bool is_settled(std::chrono::system_clock::time_point read_at) const noexcept {
    constexpr auto kMargin = std::chrono::seconds(2);
    const auto latest = std::chrono::nanoseconds(changed_ns > modified_ns ? changed_ns : modified_ns);
    return read_at.time_since_epoch() - latest >= kMargin;
  }

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

}  // namespace hearth::store
