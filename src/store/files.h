// Files as the store writes them: whole or not at all, on the disk before they have their name. For the
// store's own code.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_descriptor.h"
#include "store/digest.h"

namespace hearth::store {

// Where things are below a store's root.
struct Places {
  std::filesystem::path root;

  std::filesystem::path blobs() const { return root / "blobs"; }
  std::filesystem::path blob(const Digest& digest) const { return blobs() / digest.file_name(); }
  std::filesystem::path manifests() const { return root / "manifests"; }
  std::filesystem::path linked_manifests() const { return root / "manifests-v2"; }
  std::filesystem::path lock() const { return root / "hearth/lock"; }
  std::filesystem::path partial() const { return root / "hearth/partial"; }
  std::filesystem::path incoming() const { return root / "hearth/incoming"; }
  std::filesystem::path history() const { return root / "hearth/history"; }
  std::filesystem::path signatures() const { return root / "hearth/signatures"; }
  std::filesystem::path verified() const { return root / "hearth/verified"; }
  std::filesystem::path references() const { return root / "hearth/references"; }
};

// Of errno's value: kResourceExhausted where the disk is full, kNotFound, else kIo.
Error system_error(const std::filesystem::path& path, std::string_view doing, int number);

// With all above it, each on the disk.
Result<void> make_folder(const std::filesystem::path& folder);
// Puts the names in it on the disk.
Result<void> sync_folder(const std::filesystem::path& folder);

Result<void> write_all(int descriptor, std::span<const std::byte> bytes, const std::filesystem::path& path);
Result<void> write_all_at(int descriptor, uint64_t offset, std::span<const std::byte> bytes,
                          const std::filesystem::path& path);
// A regular file (no link) of at most `max_bytes`.
Result<std::string> read_small_file(const std::filesystem::path& path, size_t max_bytes);

// That so many bytes are free where the folder is. kResourceExhausted, with the numbers.
Result<void> check_room(const std::filesystem::path& folder, uint64_t wanted_bytes);

enum class Wait { kYes, kNo };
// Opens the file that has this name, making it where `flags` has O_CREAT, and locks it (flock: LOCK_EX or
// LOCK_SH). With the lock it is still the one that has the name. kUnavailable where it is locked and `wait`
// says no.
Result<UniqueDescriptor> open_locked(const std::filesystem::path& path, int flags, int lock, Wait wait);

// A new file in the folder of incoming ones, locked, so that it is known whether its writer lives.
struct IncomingFile {
  std::filesystem::path path;
  UniqueDescriptor descriptor;
};
Result<IncomingFile> new_incoming_file(const Places& places);

enum class Durability { kOnDisk, kMayBeLost };
// `path` has this content afterwards, or what it had before. Its folder is made.
Result<void> replace_file(const Places& places, const std::filesystem::path& path, std::string_view bytes,
                          Durability durability);

// Held by whoever changes what names stand for, puts blobs in their place, or deletes; waits for it.
Result<UniqueDescriptor> lock_store(const Places& places);

// Moves a file whose digest was checked to its place; on the disk with it. It counts as in use by whoever has
// its descriptor, which had it locked. Where the same blob is there, and known to be right, that one stays,
// and `descriptor` is of it.
Result<void> install_blob(const Places& places, const std::filesystem::path& from,
                          UniqueDescriptor& descriptor, const Digest& digest);

// The file that holds a blob's bytes: the one of its name, or, where that is a link that Hearth made
// (adopt.h), the file elsewhere. No other link is followed: who can put one into `blobs` says nothing about
// what it leads to.
struct BlobFile {
  std::filesystem::path path;
  bool is_reference = false;
};
BlobFile blob_file(const Places& places, const Digest& digest);
// Writes down that the blob may be a link to `target`, before it becomes one.
Result<void> write_reference(const Places& places, const Digest& digest, const std::filesystem::path& target);

// What is remembered of a blob that was read and found right: size, times, inode.
void remember_verified(const Places& places, const Digest& digest, int descriptor);
bool is_remembered_verified(const Places& places, const Digest& digest, const struct stat& info);

}  // namespace hearth::store
