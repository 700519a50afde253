#include "runtime_api/ttrpc/encoding.hpp"

#include <gtest/gtest.h>

#include "runtime_api/ttrpc/status.hpp"
#include "test.pb.h"
#include "ttrpc/ttrpc.pb.h"

namespace {

using ttrpc::code;
using ttrpc::frame_header;

frame_header header_of(const std::string& frame) {
  return ttrpc::decode_header(std::span<const char, 10>(frame.data(), 10));
}

std::string body_of(const std::string& frame) {
  EXPECT_EQ(header_of(frame).length, frame.size() - 10);
  return frame.substr(10);
}

tests::rpc::Payload payload(std::size_t size) {
  tests::rpc::Payload p;
  p.set_data(std::string(size, 'x'));
  return p;
}

}  // namespace

TEST(TtrpcEncoding, RequestCarriesEverything) {
  const auto p = payload(300);
  const auto frame = ttrpc::encode_request(ttrpc::flag_remote_open, "a.B", "C", &p,
                                           std::chrono::nanoseconds(77), {{"k", "v"}, {"k", "w"}});
  ASSERT_TRUE(frame);
  EXPECT_EQ(header_of(*frame).type, ttrpc::message_type::request);
  EXPECT_EQ(header_of(*frame).flags, ttrpc::flag_remote_open);
  ttrpc::Request request;
  ASSERT_TRUE(request.ParseFromString(body_of(*frame)));
  EXPECT_EQ(request.service(), "a.B");
  EXPECT_EQ(request.method(), "C");
  EXPECT_EQ(request.payload(), p.SerializeAsString());
  EXPECT_EQ(request.timeout_nano(), 77);
  ASSERT_EQ(request.metadata_size(), 2);
  EXPECT_EQ(request.metadata(1).key(), "k");
  EXPECT_EQ(request.metadata(1).value(), "w");
}

TEST(TtrpcEncoding, StreamIdIsSetInPlace) {
  auto frame = *ttrpc::encode_request(0, "a.B", "C", nullptr, {}, {});
  const std::string body = body_of(frame);
  ttrpc::set_stream_id(frame, 0x01020305);
  EXPECT_EQ(header_of(frame).stream_id, 0x01020305U);
  EXPECT_EQ(body_of(frame), body);
}

// The hand-written framing of the payload compared with protobuf's, at sizes where the length of a
// length changes.
TEST(TtrpcEncoding, ResponseIsWhatProtobufWouldWrite) {
  for (const std::size_t size :
       std::initializer_list<std::size_t>{0, 1, 120, 130, 16000, 17000, 2097000, 2097200}) {
    const auto p = payload(size);
    ttrpc::Response expected;
    expected.set_payload(p.SerializeAsString());
    const auto frame = ttrpc::encode_response(5, p);
    ASSERT_TRUE(frame);
    EXPECT_TRUE(body_of(*frame) == expected.SerializeAsString()) << size;
    EXPECT_EQ(header_of(*frame).stream_id, 5U);
    EXPECT_EQ(header_of(*frame).type, ttrpc::message_type::response);
  }
}

TEST(TtrpcEncoding, ExactlyTheLimitFitsAndOneByteMoreDoesNot) {
  // Around the payload: tag and length of Response.payload, tag and length of Payload.data.
  constexpr std::size_t around = 5 + 5;
  const auto fits = ttrpc::encode_response(1, payload(ttrpc::max_message_length - around));
  ASSERT_TRUE(fits);
  EXPECT_EQ(fits->size(), 10U + ttrpc::max_message_length);
  const auto too_long = ttrpc::encode_response(1, payload(ttrpc::max_message_length - around + 1));
  ASSERT_FALSE(too_long);
  EXPECT_EQ(too_long.error().code(), code::resource_exhausted);
  EXPECT_EQ(too_long.error().context(),
            "message length 4194305 exceed maximum message size of 4194304");
}

TEST(TtrpcEncoding, DataIsTheMessageAlone) {
  const auto p = payload(10);
  const auto frame = ttrpc::encode_data(3, p);
  ASSERT_TRUE(frame);
  EXPECT_EQ(body_of(*frame), p.SerializeAsString());
  EXPECT_EQ(header_of(*frame).type, ttrpc::message_type::data);
  EXPECT_EQ(header_of(*frame).flags, 0);
  EXPECT_FALSE(ttrpc::encode_data(3, payload(ttrpc::max_message_length)));
}

TEST(TtrpcEncoding, EndOfDataIsAFrameWithoutMessage) {
  const std::string frame = ttrpc::encode_end_of_data(9);
  EXPECT_EQ(frame, std::string("\0\0\0\0\0\0\0\x09\x03\x05", 10));
}

TEST(TtrpcEncoding, FailureOfAnyLengthFits) {
  const std::string frame =
      ttrpc::encode_failure(1, flow::error(code::not_found, std::string(8U << 20U, 'e')));
  ttrpc::Response response;
  ASSERT_TRUE(response.ParseFromString(body_of(frame)));
  EXPECT_EQ(response.status().code(), 5);
  EXPECT_FALSE(response.status().message().empty());
}

TEST(TtrpcEncoding, PayloadThatIsNoMessageIsInternal) {
  tests::rpc::Payload p;
  const auto parsed = ttrpc::parse_payload("\x0a\xff", p);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().code(), code::internal);
  EXPECT_EQ(parsed.error().context(), "ttrpc: error unmarshalling payload: invalid wire format");
}
