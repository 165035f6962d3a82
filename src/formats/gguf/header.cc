#include "formats/gguf/header.h"

#include <array>
#include <cstdint>
#include <string_view>

#include "base/excerpt.h"
#include "formats/gguf/limits.h"

namespace hearth::gguf {
namespace {

constexpr std::string_view kMagic = "GGUF";

// The least that one entry takes: a name of one byte, and everything else as small as it comes.
constexpr uint64_t kMinPairBytes = 8 + 1 + 4 + 1;
constexpr uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

struct ForeignFormat {
  std::string_view start;
  std::string_view name;
};

// What people most often hold in place of a GGUF file.
constexpr std::array kForeignFormats{
    ForeignFormat{"PK\x03\x04",
                  "a zip archive, such as a PyTorch checkpoint; take it as GGUF or safetensors"},
    ForeignFormat{"\x80\x02", "a Python pickle, which Hearth never loads; take it as GGUF or safetensors"},
    ForeignFormat{"\x80\x03", "a Python pickle, which Hearth never loads; take it as GGUF or safetensors"},
    ForeignFormat{"\x80\x04", "a Python pickle, which Hearth never loads; take it as GGUF or safetensors"},
    ForeignFormat{"\x80\x05", "a Python pickle, which Hearth never loads; take it as GGUF or safetensors"},
    ForeignFormat{"lmgg", "a GGML file of before 2023-08; convert it to GGUF first"},
    ForeignFormat{"fmgg", "a GGMF file of before 2023-08; convert it to GGUF first"},
    ForeignFormat{"tjgg", "a GGJT file of before 2023-08; convert it to GGUF first"},
    ForeignFormat{"algg", "a GGLA adapter of before 2023-08; convert it to GGUF first"},
    ForeignFormat{"version https://git-lfs", "a Git LFS pointer; fetch the file that it stands for"},
    ForeignFormat{"<!", "a web page; the download did not give the model"},
    ForeignFormat{"<html", "a web page; the download did not give the model"},
};

std::string describe_foreign(std::string_view start) {
  for (const ForeignFormat& format : kForeignFormats) {
    if (start.starts_with(format.start)) return std::string(format.name);
  }
  // A header's length in 64 bits, then its JSON.
  if (start.size() > 8 && start[8] == '{')
    return "a safetensors file; name the folder that holds it and its config.json";
  return quoted_excerpt(start.substr(0, kMagic.size()));
}

Result<void> check_magic(Reader& reader) {
  constexpr size_t kLongestStart = 32;
  const auto bytes = reader.whole().first(std::min(kLongestStart, reader.whole().size()));
  const std::string_view start(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (start.empty()) return Error(ErrorCode::kMalformed, "expected a GGUF file, found an empty one");
  // A beginning of the magic is a GGUF file cut short, which the next read says better.
  if (!start.starts_with(kMagic.substr(0, start.size()))) {
    return make_error(ErrorCode::kMalformed, "byte 0: expected \"GGUF\", found {}", describe_foreign(start));
  }
  HEARTH_TRY(reader.take(kMagic.size(), "the magic \"GGUF\""));
  return {};
}

Result<uint32_t> read_version(Reader& reader) {
  HEARTH_ASSIGN(const uint32_t version, reader.number<uint32_t>("the version"));
  if (version >= kMinVersion && version <= kMaxVersion) return version;
  const uint32_t swapped = __builtin_bswap32(version);
  if (swapped >= 1 && swapped <= UINT8_MAX) {
    return make_error(
        ErrorCode::kUnsupported,
        "byte 4: expected a little-endian file, found a big-endian one of version {}; convert it", swapped);
  }
  return make_error(ErrorCode::kUnsupported, "byte 4: expected GGUF version {} or {}, found {}{}",
                    kMinVersion, kMaxVersion, version,
                    version == 1 ? "; convert the model again with a newer tool" : "");
}

// A count of entries of which each takes at least `min_bytes` of what follows.
Result<uint64_t> read_count(Reader& reader, std::string_view what, uint64_t max, uint64_t min_bytes) {
  const uint64_t offset = reader.offset();
  HEARTH_ASSIGN(const uint64_t count, reader.number<uint64_t>(what));
  if (count > max) {
    return make_error(ErrorCode::kResourceExhausted, "byte {}: expected {} of at most {}, found {}", offset,
                      what, max, count);
  }
  if (count > reader.remaining() / min_bytes) {
    return make_error(ErrorCode::kMalformed, "byte {}: expected {} for which {} bytes suffice, found {}",
                      offset, what, reader.remaining(), count);
  }
  return count;
}

}  // namespace

Result<Header> read_header(Reader& reader) {
  Header header;
  HEARTH_TRY(check_magic(reader));
  HEARTH_ASSIGN(header.version, read_version(reader));
  HEARTH_ASSIGN(header.n_tensors, read_count(reader, "a tensor count", kMaxTensors, kMinTensorBytes));
  HEARTH_ASSIGN(header.n_metadata, read_count(reader, "a metadata count", kMaxMetadataPairs, kMinPairBytes));
  return header;
}

}  // namespace hearth::gguf
