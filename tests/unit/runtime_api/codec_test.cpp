#include "runtime_api/ttrpc/codec.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tests/unit/runtime_api/raw_peer.hpp"

namespace {

using tests::data_type;
using tests::raw_bytes;
using tests::request_type;
using ttrpc::message;
using ttrpc::message_decoder;

// Passes `bytes` to the decoder in pieces of at most `piece`, and returns the decoded messages.
std::vector<message> feed(message_decoder& decoder, std::string_view bytes,
                          std::size_t piece = std::string::npos) {
  std::vector<message> out;
  while (!bytes.empty()) {
    const auto room = decoder.prepare();
    EXPECT_FALSE(room.empty());
    const std::size_t n = std::min({room.size(), bytes.size(), piece});
    std::memcpy(room.data(), bytes.data(), n);
    decoder.commit(n);
    bytes.remove_prefix(n);
    while (auto complete = decoder.next()) {
      out.push_back(std::move(*complete));
    }
  }
  return out;
}

std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    out[i] = static_cast<char>(i * 7 + (i >> 9U));
  }
  return out;
}

// The header of a message that announces `length` bytes.
std::string announce(std::uint32_t length, std::uint32_t id) {
  const auto header = ttrpc::encode_header({.length = length, .stream_id = id});
  return {header.begin(), header.end()};
}

}  // namespace

TEST(TtrpcCodec, EverySplitOfTwoMessagesGivesTheSameTwoMessages) {
  const std::string bytes =
      raw_bytes({.id = 1, .type = request_type, .flags = 2, .payload = "hello"}) +
      raw_bytes({.id = 3, .type = data_type, .flags = 5, .payload = ""});
  for (std::size_t first = 0; first <= bytes.size(); ++first) {
    message_decoder decoder;
    auto out = feed(decoder, std::string_view(bytes).substr(0, first));
    for (auto& m : feed(decoder, std::string_view(bytes).substr(first))) {
      out.push_back(std::move(m));
    }
    ASSERT_EQ(out.size(), 2U) << first;
    EXPECT_EQ(out[0].header.stream_id, 1U);
    EXPECT_EQ(out[0].header.flags, 2);
    EXPECT_EQ(out[0].payload, "hello");
    EXPECT_EQ(out[1].header.type, ttrpc::message_type::data);
    EXPECT_EQ(out[1].payload, "");
    EXPECT_TRUE(decoder.at_boundary());
  }
}

TEST(TtrpcCodec, PayloadsOfAllSizesArriveWholeInPiecesOfAllSizes) {
  for (const std::size_t size :
       std::initializer_list<std::size_t>{0, 1, 2037, 2038, 2039, 2048, 2049, 2058, 2059, 4096,
                                          8192, 65535, 65536, 65537, 131072, 200000, 4194304}) {
    for (const std::size_t piece : {std::size_t{1000}, std::size_t{4096}, std::string::npos}) {
      const std::string payload = pattern(size);
      message_decoder decoder;
      const auto out = feed(decoder,
                            raw_bytes({.id = 1, .type = request_type, .payload = payload}) +
                                raw_bytes({.id = 3, .type = request_type, .payload = "next"}),
                            piece);
      ASSERT_EQ(out.size(), 2U) << size;
      EXPECT_TRUE(out[0].payload == payload) << size;
      EXPECT_EQ(out[1].payload, "next");
    }
  }
}

TEST(TtrpcCodec, ByteByByteIsEnough) {
  message_decoder decoder;
  const std::string payload = pattern(9000);
  const auto out = feed(decoder, raw_bytes({.id = 7, .type = data_type, .payload = payload}), 1);
  ASSERT_EQ(out.size(), 1U);
  EXPECT_TRUE(out[0].payload == payload);
}

TEST(TtrpcCodec, OversizedMessageIsDiscardedAndTheNextOneIsRead) {
  message_decoder decoder;
  const std::string bytes = announce(ttrpc::max_message_length + 1, 9) +
                            std::string(ttrpc::max_message_length + 1, 'x') +
                            raw_bytes({.id = 11, .type = request_type, .payload = "after"});
  const auto out = feed(decoder, bytes, 60000);
  ASSERT_EQ(out.size(), 2U);
  EXPECT_TRUE(out[0].oversized());
  EXPECT_EQ(out[0].header.stream_id, 9U);
  EXPECT_EQ(out[0].payload.capacity(), std::string().capacity());
  EXPECT_FALSE(out[1].oversized());
  EXPECT_EQ(out[1].payload, "after");
}

TEST(TtrpcCodec, OversizedMessageIsReportedOnlyWhenAllOfItHasPassed) {
  message_decoder decoder;
  EXPECT_TRUE(feed(decoder, announce(0xffffffff, 1) + std::string(100000, 'x')).empty());
  EXPECT_FALSE(decoder.at_boundary());
}

TEST(TtrpcCodec, StorageGrowsWithWhatArrivedNotWithWhatWasAnnounced) {
  message_decoder decoder;
  EXPECT_TRUE(feed(decoder, announce(ttrpc::max_message_length, 1)).empty());
  EXPECT_LE(decoder.prepare().size(), 65536U);
  EXPECT_TRUE(feed(decoder, std::string(70000, 'x')).empty());
  EXPECT_LE(decoder.prepare().size(), 262144U);
}

TEST(TtrpcCodec, KnowsWhetherTheTransportMayEndHere) {
  message_decoder decoder;
  EXPECT_TRUE(decoder.at_boundary());
  const std::string bytes = raw_bytes({.id = 1, .type = request_type, .payload = "ab"});
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i) {
    EXPECT_TRUE(feed(decoder, bytes.substr(i, 1)).empty());
    EXPECT_FALSE(decoder.at_boundary()) << i;
  }
  EXPECT_EQ(feed(decoder, bytes.substr(bytes.size() - 1)).size(), 1U);
  EXPECT_TRUE(decoder.at_boundary());
}
