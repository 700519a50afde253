#include "runtime_api/ttrpc/frame.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

std::string bytes_of(const ttrpc::frame_header& header) {
  const auto bytes = ttrpc::encode_header(header);
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST(TtrpcFrame, HeaderIsTenBytesBigEndian) {
  const ttrpc::frame_header header{.length = 0x01020304,
                                   .stream_id = 0xa1b2c3d4,
                                   .type = ttrpc::message_type::data,
                                   .flags = ttrpc::flag_remote_closed | ttrpc::flag_no_data};
  EXPECT_EQ(bytes_of(header), std::string("\x01\x02\x03\x04\xa1\xb2\xc3\xd4\x03\x05", 10));
}

TEST(TtrpcFrame, DecodesEveryBitOfWhatItEncodes) {
  for (const std::uint32_t value : {0U, 1U, 0x80U, 0xffffU, 0x400000U, 0xffffffffU}) {
    const ttrpc::frame_header header{.length = value,
                                     .stream_id = ~value,
                                     .type = static_cast<ttrpc::message_type>(value & 0xffU),
                                     .flags = static_cast<std::uint8_t>(~value)};
    const auto bytes = ttrpc::encode_header(header);
    const auto decoded = ttrpc::decode_header(bytes);
    EXPECT_EQ(decoded.length, header.length);
    EXPECT_EQ(decoded.stream_id, header.stream_id);
    EXPECT_EQ(decoded.type, header.type);
    EXPECT_EQ(decoded.flags, header.flags);
  }
}
