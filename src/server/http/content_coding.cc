#include "server/http/content_coding.h"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>

#include "base/excerpt.h"

namespace hearth::server::http {
namespace {

constexpr size_t kPieceBytes = 16 * 1024;
// What a decoder may keep of what it has put out. zstd's own default for --long-less streams is 8 MiB.
constexpr int kZstdWindowLogMax = 23;

Result<void> append(std::string& out, std::string_view piece, size_t limit_bytes) {
  if (piece.size() > limit_bytes || out.size() > limit_bytes - piece.size()) {
    return make_error(ErrorCode::kResourceExhausted, "the body is larger than {} bytes", limit_bytes);
  }
  out.append(piece);
  return {};
}

class IdentityDecoder : public ContentDecoder {
 public:
  Result<void> decode(std::string_view part, std::string& out, size_t limit_bytes) override {
    return append(out, part, limit_bytes);
  }
  Result<void> finish() const override { return {}; }
};

// gzip and zlib ("deflate") streams; of gzip several one behind the other are one body (RFC 1952,
// section 2.2).
class ZlibDecoder : public ContentDecoder {
 public:
  explicit ZlibDecoder(bool gzip) : gzip_(gzip) {
    constexpr int kMaxWindowBits = 15;
    constexpr int kGzip = 16;  // added to the window's bits: see inflateInit2
    ready_ = inflateInit2(&stream_, kMaxWindowBits + (gzip ? kGzip : 0)) == Z_OK;
  }
  ~ZlibDecoder() override { inflateEnd(&stream_); }
  ZlibDecoder(const ZlibDecoder&) = delete;
  ZlibDecoder& operator=(const ZlibDecoder&) = delete;

  bool ready() const noexcept { return ready_; }

  Result<void> decode(std::string_view part, std::string& out, size_t limit_bytes) override {
    // zlib reads through it and writes nothing there.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
    stream_.avail_in = static_cast<uInt>(part.size());
    std::array<char, kPieceBytes> piece;
    bool full = false;
    while (stream_.avail_in > 0 || full) {
      if (ended_) {
        if (!gzip_) return make_error(ErrorCode::kMalformed, "bytes follow the end of the compressed body");
        inflateReset(&stream_);
      }
      stream_.next_out = reinterpret_cast<Bytef*>(piece.data());
      stream_.avail_out = static_cast<uInt>(piece.size());
      const int status = inflate(&stream_, Z_NO_FLUSH);
      if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
        return make_error(ErrorCode::kMalformed, "the compressed body is damaged");
      }
      HEARTH_TRY(append(out, {piece.data(), piece.size() - stream_.avail_out}, limit_bytes));
      ended_ = status == Z_STREAM_END;
      full = stream_.avail_out == 0 && !ended_;
      if (status == Z_BUF_ERROR) break;  // no progress without more input
    }
    return {};
  }

  Result<void> finish() const override {
    if (!ended_) return make_error(ErrorCode::kMalformed, "the compressed body ends before its end");
    return {};
  }

 private:
  bool gzip_;
  bool ready_ = false;
  bool ended_ = false;
  z_stream stream_{};
};

class ZstdDecoder : public ContentDecoder {
 public:
  ZstdDecoder() : context_(ZSTD_createDCtx()) {
    if (context_) ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kZstdWindowLogMax);
  }
  bool ready() const noexcept { return context_ != nullptr; }

  Result<void> decode(std::string_view part, std::string& out, size_t limit_bytes) override {
    ZSTD_inBuffer input{part.data(), part.size(), 0};
    std::array<char, kPieceBytes> piece;
    bool full = false;
    while (input.pos < input.size || full) {
      ZSTD_outBuffer output{piece.data(), piece.size(), 0};
      const size_t status = ZSTD_decompressStream(context_.get(), &output, &input);
      if (ZSTD_isError(status)) {
        return make_error(ErrorCode::kMalformed,
                          "the compressed body is damaged, or its window is larger than {} MiB",
                          (size_t{1} << kZstdWindowLogMax) >> 20);
      }
      HEARTH_TRY(append(out, {piece.data(), output.pos}, limit_bytes));
      ended_ = status == 0;
      full = output.pos == output.size && !ended_;
    }
    return {};
  }

  Result<void> finish() const override {
    if (!ended_) return make_error(ErrorCode::kMalformed, "the compressed body ends before its end");
    return {};
  }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* context) const noexcept { ZSTD_freeDCtx(context); }
  };
  std::unique_ptr<ZSTD_DCtx, Free> context_;
  bool ended_ = false;
};

template <typename Decoder>
Result<std::unique_ptr<ContentDecoder>> if_ready(std::unique_ptr<Decoder> decoder) {
  if (!decoder->ready()) return make_error(ErrorCode::kResourceExhausted, "no memory to decompress the body");
  return std::unique_ptr<ContentDecoder>(std::move(decoder));
}

}  // namespace

Result<std::unique_ptr<ContentDecoder>> make_content_decoder(std::string_view coding) {
  std::string name(coding);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (name.empty() || name == "identity")
    return std::unique_ptr<ContentDecoder>(std::make_unique<IdentityDecoder>());
  if (name == "gzip" || name == "x-gzip") return if_ready(std::make_unique<ZlibDecoder>(true));
  if (name == "deflate") return if_ready(std::make_unique<ZlibDecoder>(false));
  if (name == "zstd") return if_ready(std::make_unique<ZstdDecoder>());
  return make_error(ErrorCode::kUnsupported, "Content-Encoding {}: expected gzip, deflate, zstd or identity",
                    quoted_excerpt(coding));
}

}  // namespace hearth::server::http
