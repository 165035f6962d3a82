#include "server/http/byte_range.h"

#include <gtest/gtest.h>

namespace hearth::server::http {
namespace {

TEST(ByteRange, OneRange_IsRead) {
  EXPECT_EQ(parse_range("bytes=0-0"), (RequestedRange{0, 0}));
  EXPECT_EQ(parse_range("bytes=7-1048575"), (RequestedRange{7, 1048575}));
  EXPECT_EQ(parse_range("bytes=7-"), (RequestedRange{7, RequestedRange::kNoEnd}));
  EXPECT_EQ(parse_range("bytes=18446744073709551614-"),
            (RequestedRange{RequestedRange::kNoEnd, RequestedRange::kNoEnd}));
}

TEST(ByteRange, AllElse_IsNone) {
  for (const char* text :
       {"", "bytes", "bytes=", "bytes=-", "bytes=-5", "bytes=5", "bytes=5-4", "bytes=1-2,4-5", "bytes=1-2 ",
        "bytes= 1-2", "bytes=+1-2", "bytes=1--2", "bytes=0x1-2", "Bytes=1-2", "items=1-2",
        "bytes=18446744073709551615-", "bytes=0-18446744073709551615", "bytes=0-18446744073709551616",
        "bytes=99999999999999999999999-"})
    EXPECT_FALSE(parse_range(text)) << text;
}

}  // namespace
}  // namespace hearth::server::http
