#include "formats/gguf/parser.h"

#include <utility>

#include "base/excerpt.h"
#include "formats/gguf/header.h"
#include "formats/gguf/limits.h"
#include "formats/gguf/reader.h"
#include "formats/gguf/tensors.h"

namespace hearth::gguf {

Result<File> Parser::open(const FileSource& source, const std::filesystem::path& path) {
  const std::string file_name = path.filename().string();
  if (const auto split = parse_split_name(file_name)) return open_split(source, path.parent_path(), *split);

  HEARTH_ASSIGN(auto mapped, source.map(path));
  const auto part = std::make_shared<const MappedFile>(std::move(mapped));
  HEARTH_ASSIGN(File file, parse(part->bytes(), file_name));
  file.parts_.push_back(part);
  return file;
}

Result<File> Parser::parse(std::span<const std::byte> bytes, std::string name) {
  Parser parser;
  auto part = parser.add_part(bytes);
  if (!part) return part.error().in(name);
  if (const auto alone = check_stands_alone(part->metadata); !alone) return alone.error().in(name);
  return std::move(parser).finish(std::move(*part), std::move(name));
}

Result<File> Parser::open_split(const FileSource& source, const std::filesystem::path& folder,
                                const SplitName& name) {
  Parser parser;
  HEARTH_TRY(parser.map_parts(source, folder, name));
  HEARTH_TRY(parser.reserve_tensors(name));
  Part first;
  for (uint32_t i = 1; i <= name.n_parts; ++i) {
    auto part = parser.add_part(parser.file_.parts_[i - 1]->bytes());
    if (!part) return part.error().in(name.file_name(i));
    const auto keys = check_split_keys(part->metadata, name, i);
    if (!keys) return keys.error().in(name.file_name(i));
    if (i == 1) first = std::move(*part);
  }
  const auto total = check_split_total(first.metadata, parser.file_.tensors_.size());
  if (!total) return total.error().in(name.file_name(1));
  return std::move(parser).finish(std::move(first), name.file_name(1));
}

Result<void> Parser::map_parts(const FileSource& source, const std::filesystem::path& folder,
                               const SplitName& name) {
  if (name.part < 1 || name.part > name.n_parts) {
    return make_error(ErrorCode::kMalformed, "{}: expected a part from 1 to {}, found {}",
                      excerpt(name.file_name(name.part)), name.n_parts, name.part);
  }
  if (name.n_parts > kMaxParts) {
    return make_error(ErrorCode::kResourceExhausted, "{}: expected a split of at most {} parts, found {}",
                      excerpt(name.file_name(name.part)), kMaxParts, name.n_parts);
  }
  for (uint32_t i = 1; i <= name.n_parts; ++i) {
    auto mapped = source.map(folder / name.file_name(i));
    if (!mapped && mapped.error().code() == ErrorCode::kNotFound) {
      return make_error(ErrorCode::kNotFound,
                        "{}: expected part {} of {} beside the others, found no such file",
                        excerpt((folder / name.file_name(i)).string(), 1'000), i, name.n_parts);
    }
    if (!mapped) return mapped.error();
    file_.parts_.push_back(std::make_shared<const MappedFile>(std::move(*mapped)));
  }
  return {};
}

// Once for all parts: growing step by step would hold two tables at a time, or copy them for every part.
Result<void> Parser::reserve_tensors(const SplitName& name) {
  uint64_t n_tensors = 0;
  for (uint32_t i = 1; i <= name.n_parts; ++i) {
    Reader reader(file_.parts_[i - 1]->bytes());
    const auto header = read_header(reader);
    if (!header) return header.error().in(name.file_name(i));
    n_tensors += header->n_tensors;
  }
  if (n_tensors > kMaxTensors) {
    return make_error(ErrorCode::kResourceExhausted,
                      "{}: expected at most {} tensors in all {} parts together, found {}", name.file_name(1),
                      kMaxTensors, name.n_parts, n_tensors);
  }
  file_.tensors_.reserve(n_tensors);
  return {};
}

Result<Parser::Part> Parser::add_part(std::span<const std::byte> bytes) {
  Reader reader(bytes);
  Part part;
  HEARTH_ASSIGN(const Header header, read_header(reader));
  part.version = header.version;
  HEARTH_ASSIGN(part.metadata, read_metadata(reader, header.n_metadata));
  HEARTH_ASSIGN(part.alignment, read_alignment(part.metadata));
  file_.tensors_.reserve(file_.tensors_.size() + header.n_tensors);
  HEARTH_TRY(read_tensors(reader, header.n_tensors, part.alignment, file_.tensors_));
  file_.size_bytes_ += bytes.size();
  return part;
}

Result<File> Parser::finish(Part first, std::string name) && {
  file_.tensors_by_name_ = index_by_name(file_.tensors_, &TensorInfo::name);
  const auto twice = find_duplicate(file_.tensors_, file_.tensors_by_name_, &TensorInfo::name);
  if (twice) {
    return make_error(ErrorCode::kMalformed, "{}: tensor {}: expected each tensor once, found it again", name,
                      excerpt(*twice));
  }
  file_.name_ = std::move(name);
  file_.version_ = first.version;
  file_.alignment_ = first.alignment;
  file_.metadata_ = std::move(first.metadata.entries);
  file_.metadata_by_key_ = std::move(first.metadata.by_key);
  if (!file_.parts_.empty()) file_.n_parts_ = file_.parts_.size();
  return std::move(file_);
}

}  // namespace hearth::gguf
