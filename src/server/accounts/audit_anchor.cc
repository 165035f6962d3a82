#include "server/accounts/audit_anchor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace hearth::server::accounts {
namespace {

constexpr std::string_view kMagic = "hearth-audit-anchor 1 ";

Error system_error(const std::filesystem::path& path, std::string_view what) {
  return make_error(ErrorCode::kIo, "{}: cannot {}: {}", path.string(), what, std::strerror(errno));
}

Result<void> write_and_sync(const std::filesystem::path& path, std::string_view text) {
  const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return system_error(path, "open");
  const bool written = write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  Result<void> done;
  if (!written || fsync(file) != 0) done = system_error(path, "write");
  close(file);
  return done;
}

Result<void> sync_folder(const std::filesystem::path& folder) {
  const int file = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return system_error(folder, "open");
  Result<void> done;
  if (fsync(file) != 0) done = system_error(folder, "write");
  close(file);
  return done;
}

}  // namespace

Result<std::optional<AuditHead>> read_anchor(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    if (error) return make_error(ErrorCode::kIo, "{}: {}", path.string(), error.message());
    return std::optional<AuditHead>();
  }
  std::ifstream file(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (!file) return make_error(ErrorCode::kIo, "{}: cannot read", path.string());
  if (!text.starts_with(kMagic) || !text.ends_with('\n')) {
    return make_error(ErrorCode::kMalformed, "{}: the file is damaged or no anchor of an audit log",
                      path.string());
  }
  auto head = AuditHead::parse(std::string_view(text).substr(kMagic.size(), text.size() - kMagic.size() - 1));
  if (!head) return head.error().in(path.string());
  return std::optional(std::move(*head));
}

Result<void> write_anchor(const std::filesystem::path& path, const AuditHead& head) {
  const std::filesystem::path fresh = path.string() + ".new";
  HEARTH_TRY(write_and_sync(fresh, fmt::format("{}{}\n", kMagic, head.text())));
  if (rename(fresh.c_str(), path.c_str()) != 0) return system_error(path, "replace");
  return sync_folder(path.parent_path());
}

}  // namespace hearth::server::accounts
