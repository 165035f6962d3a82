#include "server/http/content_coding.h"

#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "server/http/tiny_routes_fixture.h"

namespace hearth::server::http {
namespace {

// window_bits: 15 zlib, 31 gzip.
std::string deflated(std::string_view text, int window_bits) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, window_bits, 9, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string encoded(std::string_view coding, std::string_view text) {
  if (coding == "gzip") return deflated(text, 31);
  if (coding == "deflate") return deflated(text, 15);
  if (coding == "zstd") return zstd(text);
  return std::string(text);
}

// In parts of `part_bytes`.
Result<std::string> decoded(std::string_view coding, std::string_view bytes, size_t part_bytes,
                            size_t limit) {
  HEARTH_ASSIGN(auto decoder, make_content_decoder(coding));
  std::string out;
  while (!bytes.empty()) {
    HEARTH_TRY(decoder->decode(bytes.substr(0, part_bytes), out, limit));
    bytes.remove_prefix(std::min(part_bytes, bytes.size()));
  }
  HEARTH_TRY(decoder->finish());
  return out;
}

std::string sample(size_t n_bytes) {
  std::string text;
  for (unsigned i = 0; text.size() < n_bytes; ++i) text += std::to_string(i * 2654435761u);
  text.resize(n_bytes);
  return text;
}

constexpr const char* kCodings[] = {"identity", "gzip", "deflate", "zstd"};

TEST(ContentDecoder, EachCoding_GivesBackTheBody) {
  for (const char* coding : kCodings) {
    for (const size_t n_bytes : {1u, 100u, 16384u, 16385u, 100000u}) {
      const std::string text = sample(n_bytes);
      for (const size_t part : {size_t{7}, size_t{4096}, size_t{1} << 20}) {
        const auto result = decoded(coding, encoded(coding, text), part, text.size());
        ASSERT_TRUE(result) << coding << " " << n_bytes << " " << part << ": " << result.error().message();
        EXPECT_EQ(*result, text);
      }
    }
  }
}

TEST(ContentDecoder, OneByteOverTheLimit_IsRefused) {
  for (const char* coding : kCodings) {
    const auto result = decoded(coding, encoded(coding, sample(50000)), 4096, 49999);
    ASSERT_FALSE(result) << coding;
    EXPECT_EQ(result.error().code(), ErrorCode::kResourceExhausted);
  }
}

TEST(ContentDecoder, CompressedRequest_ReachesTheHandlerPlain) {
  const LiveServer server(tiny_router(std::make_shared<Seen>()), {});
  const std::string text = R"({"model":"tiny","prompt":"hi"})";
  for (const char* coding : kCodings) {
    RawClient client(server.port());
    const std::string body = encoded(coding, text);
    const RawResponse response = client.ask(fmt::format(
        "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: {}\r\nContent-Length: {}\r\n\r\n{}",
        coding, body.size(), body));
    EXPECT_EQ(response.status, 200) << coding;
    EXPECT_EQ(response.body, text) << coding;
  }
}

TEST(ContentDecoder, Bomb_IsStoppedAtTheLimit) {
  const std::string zeros(8 * 1024 * 1024, '\0');
  for (const char* coding : {"gzip", "zstd"}) {
    const std::string bomb = encoded(coding, zeros);
    ASSERT_LT(bomb.size(), zeros.size() / 500);
    auto decoder = make_content_decoder(coding);
    ASSERT_TRUE(decoder);
    std::string out;
    EXPECT_FALSE((*decoder)->decode(bomb, out, 100000)) << coding;
    EXPECT_LE(out.capacity(), 400000u) << coding;
  }
}

TEST(ContentDecoder, TruncatedOrDamaged_IsRefused) {
  for (const char* coding : {"gzip", "deflate", "zstd"}) {
    const std::string whole = encoded(coding, sample(1000));
    for (size_t n = 1; n < whole.size(); n += 13) {
      EXPECT_FALSE(decoded(coding, whole.substr(0, n), 64, 1 << 20)) << coding << " " << n;
    }
    EXPECT_FALSE(decoded(coding, "this is not compressed at all", 64, 1 << 20)) << coding;
    EXPECT_FALSE(decoded(coding, whole + "and more", 64, 1 << 20)) << coding;
  }
}

TEST(ContentDecoder, SeveralStreamsBehindEachOther_AreOneBody) {
  for (const char* coding : {"gzip", "zstd"}) {
    const auto result = decoded(coding, encoded(coding, "abc") + encoded(coding, "def"), 5, 100);
    ASSERT_TRUE(result) << coding;
    EXPECT_EQ(*result, "abcdef");
  }
}

TEST(ContentDecoder, WindowBeyondTheLimit_IsRefused) {
  // A frame whose header asks for a window of 2 GiB: magic, no flags, window exponent 31 - 10, then an empty
  // block.
  const std::string frame("\x28\xB5\x2F\xFD\x00\xA8\x01\x00\x00", 9);
  EXPECT_FALSE(decoded("zstd", frame, 64, 1 << 20));
}

TEST(MakeContentDecoder, UnknownCodings_AreUnsupported) {
  for (const char* coding : {"br", "compress", "gzip, zstd", "gzip,gzip", "x", "gzip;q=1"}) {
    const auto decoder = make_content_decoder(coding);
    ASSERT_FALSE(decoder) << coding;
    EXPECT_EQ(decoder.error().code(), ErrorCode::kUnsupported);
  }
  for (const char* coding : {"", "GZIP", "x-gzip", "Zstd", "identity"}) {
    EXPECT_TRUE(make_content_decoder(coding)) << coding;
  }
}

}  // namespace
}  // namespace hearth::server::http
