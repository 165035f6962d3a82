#include "base/output_file.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/write_all.h"

namespace hearth {
namespace {

namespace fs = std::filesystem;

Error output_error(const fs::path& path, std::string_view doing, int number) {
  if (number == ENOSPC || number == EDQUOT) {
    return make_error(ErrorCode::kResourceExhausted, "{}: {}: the disk is full", path.string(), doing);
  }
  return make_error(number == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, "{}: {}: {}", path.string(),
                    doing, std::strerror(number));
}

// 16 hexadecimal digits that nobody else has.
std::string random_digits() {
  uint64_t number = 0;
  HEARTH_CHECK(::getrandom(&number, sizeof(number), 0) == ssize_t{sizeof(number)});
  return fmt::format("{:016x}", number);
}

Error already_there(const fs::path& path) {
  return make_error(ErrorCode::kInvalidArgument, "{}: expected a name that is free, found a file",
                    path.string());
}

Result<void> check_name(const fs::path& path, OutputFile::Existing existing) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return output_error(path, "cannot be made", errno);
  }
  if (!S_ISREG(info.st_mode)) {
    return make_error(ErrorCode::kInvalidArgument,
                      "{}: expected a free name or a regular file, found something else", path.string());
  }
  if (existing == OutputFile::Existing::kRefuse) return already_there(path);
  return {};
}

// Some file systems cannot take a name only if it is free: there the check of a moment ago has to do.
Result<void> rename_to(const fs::path& from, const fs::path& to, OutputFile::Existing existing) {
  if (existing == OutputFile::Existing::kRefuse) {
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return {};
    if (errno == EEXIST) return already_there(to);
    if (errno != EINVAL && errno != ENOSYS) return output_error(to, "cannot be put in place", errno);
  }
  HEARTH_TRY(check_name(to, existing));
  if (::rename(from.c_str(), to.c_str()) != 0) return output_error(to, "cannot be put in place", errno);
  return {};
}

}  // namespace

OutputFile::OutputFile(fs::path path, fs::path temporary, UniqueDescriptor descriptor, Existing existing)
    : path_(std::move(path)),
      temporary_(std::move(temporary)),
      descriptor_(std::move(descriptor)),
      existing_(existing) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::exchange(other.temporary_, {})),
      descriptor_(std::move(other.descriptor_)),
      existing_(other.existing_) {}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

Result<OutputFile> OutputFile::create(const fs::path& path, Existing existing) {
  if (!path.has_filename()) {
    return make_error(ErrorCode::kInvalidArgument, "{}: expected the name of a file", path.string());
  }
  HEARTH_TRY(check_name(path, existing));
  const fs::path temporary =
      path.parent_path() / fmt::format(".{}.{}.part", path.filename().string(), random_digits());
  UniqueDescriptor descriptor(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!descriptor) return output_error(path, "cannot be made", errno);
  return OutputFile(path, temporary, std::move(descriptor), existing);
}

Result<void> OutputFile::reserve(uint64_t size_bytes) {
  if (size_bytes == 0) return {};
  if (::fallocate(descriptor_.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size_bytes)) == 0) return {};
  if (errno != ENOSPC && errno != EDQUOT && errno != EFBIG) return {};
  return make_error(ErrorCode::kResourceExhausted, "{}: expected room for {} bytes, found: {}",
                    path_.string(), size_bytes, std::strerror(errno));
}

Result<void> OutputFile::append(std::span<const std::byte> bytes) {
  const int number = write_all(descriptor_.get(), bytes);
  if (number != 0) return output_error(path_, "cannot be written", number);
  return {};
}

Result<void> OutputFile::finish() {
  HEARTH_CHECK(!temporary_.empty());
  if (::fsync(descriptor_.get()) != 0) return output_error(path_, "cannot be synced", errno);
  HEARTH_TRY(rename_to(temporary_, path_, existing_));
  temporary_.clear();
  // The name, too. Where folders cannot be synced, they need it not.
  const fs::path folder = path_.has_parent_path() ? path_.parent_path() : fs::path(".");
  const UniqueDescriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (opened && ::fsync(opened.get()) != 0 && errno != EINVAL) {
    return output_error(folder, "cannot be synced", errno);
  }
  return {};
}

}  // namespace hearth
