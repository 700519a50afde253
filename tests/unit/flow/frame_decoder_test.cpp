#include "flow/frame_decoder.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "flow/frame.hpp"

namespace {

using flow::errc;
using flow::frame_code;
using flow::frame_decoder;
using item_type = frame_decoder::item_type;
using bytes = std::vector<std::byte>;

bytes operator+(bytes a, const bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

bytes header(std::uint32_t value) {
  const auto h = flow::encode_header(value);
  return {h.begin(), h.end()};
}

bytes control(frame_code code) {
  return header(static_cast<std::uint32_t>(code));
}

bytes data(std::size_t size) {
  bytes payload(size);
  for (std::size_t i = 0; i < size; ++i) {
    payload[i] = std::byte(i % 251);
  }
  return header(static_cast<std::uint32_t>(size)) + payload;
}

// The output of a decoder for bytes that arrive in pieces, as text: "5 bytes, Close".
class listing {
 public:
  explicit listing(std::uint32_t max_frame = flow::agreed_max_payload) : decoder_(max_frame) {}

  void feed(bytes piece) {
    std::span<std::byte> input(piece);
    for (;;) {
      const auto item = decoder_.next(input);
      switch (item.type) {
        case item_type::none:
          EXPECT_TRUE(input.empty());
          return;
        case item_type::payload:
          EXPECT_FALSE(item.payload.empty());
          payload.insert(payload.end(), item.payload.begin(), item.payload.end());
          run_ += item.payload.size();
          if (decoder_.payload_left() == 0) {
            note(std::to_string(std::exchange(run_, 0)) + " bytes");
          }
          break;
        case item_type::control:
          note(item.code == frame_code::close            ? "Close"
               : item.code == frame_code::shutdown_write ? "ShutdownWrite"
                                                         : "ShutdownRead");
          break;
        case item_type::failure:
          note("failure: " + decoder_.failure().message());
          return;
      }
    }
  }

  std::string text;
  bytes payload;
  frame_decoder& decoder() { return decoder_; }

 private:
  void note(const std::string& what) { text += text.empty() ? what : ", " + what; }

  frame_decoder decoder_;
  std::size_t run_ = 0;
};

TEST(FrameDecoder, HeadersAreLittleEndian) {
  EXPECT_EQ(control(frame_code::shutdown_read),
            (bytes{std::byte{0xef}, std::byte{0xbe}, std::byte{0xad}, std::byte{0xde}}));
  EXPECT_EQ(control(frame_code::shutdown_write),
            (bytes{std::byte{0xad}, std::byte{0xde}, std::byte{0xef}, std::byte{0xbe}}));
  EXPECT_EQ(control(frame_code::close),
            (bytes{std::byte{0xad}, std::byte{0xde}, std::byte{0xad}, std::byte{0xde}}));
  EXPECT_EQ(header(5), (bytes{std::byte{5}, std::byte{0}, std::byte{0}, std::byte{0}}));
}

TEST(FrameDecoder, EverySplitOfAConversationReadsTheSame) {
  const bytes wire = data(3) + control(frame_code::shutdown_read) + data(0) + data(7) +
                     control(frame_code::shutdown_write) + control(frame_code::close);
  const std::string expected = "3 bytes, ShutdownRead, 7 bytes, ShutdownWrite, Close";
  for (std::size_t first = 0; first <= wire.size(); ++first) {
    for (std::size_t second = first; second <= wire.size(); ++second) {
      listing l;
      const auto at = [&wire](std::size_t i) { return wire.begin() + static_cast<long>(i); };
      l.feed({at(0), at(first)});
      l.feed({at(first), at(second)});
      l.feed({at(second), wire.end()});
      ASSERT_EQ(l.text, expected) << "cut at " << first << " and " << second;
    }
  }
}

TEST(FrameDecoder, SingleBytesReadTheSame) {
  listing l;
  for (const std::byte b : data(4) + control(frame_code::close) + data(1)) {
    l.feed({b});
  }
  EXPECT_EQ(l.text, "4 bytes, Close, 1 bytes");
}

TEST(FrameDecoder, PayloadThatLooksLikeACodeIsPayload) {
  listing l;
  l.feed(header(8) + control(frame_code::close) + control(frame_code::shutdown_write));
  EXPECT_EQ(l.text, "8 bytes");
}

TEST(FrameDecoder, EmptyDataIsSkipped) {
  listing l;
  l.feed(data(0) + data(0) + data(2) + data(0));
  EXPECT_EQ(l.text, "2 bytes");
}

TEST(FrameDecoder, LargestAcceptedLengthIsTheCap) {
  listing at_cap(1000);
  at_cap.feed(data(1000));
  EXPECT_EQ(at_cap.text, "1000 bytes");

  listing above(1000);
  above.feed(header(1001));
  EXPECT_EQ(above.text, "failure: frame too large");
}

TEST(FrameDecoder, EveryHeaderThatIsNeitherLengthNorCodeIsAProtocolError) {
  // Around each code, at the boundary of the sign bit, and at the top.
  std::vector<std::uint32_t> illegal = {0x80000000, 0x80000001, 0xfffffffe, 0xffffffff};
  for (const std::uint32_t code : {0xdeadbeefU, 0xbeefdeadU, 0xdeaddeadU}) {
    for (std::uint32_t bit = 0; bit < 31; ++bit) {
      illegal.push_back(code ^ (1U << bit));
    }
  }
  for (const std::uint32_t value : illegal) {
    // Even the largest possible cap does not turn such a value into a length.
    listing l(0xffffffff);
    l.feed(header(value));
    if (value == 0xdeadbeef || value == 0xbeefdead || value == 0xdeaddead) {
      continue;
    }
    ASSERT_EQ(l.text, "failure: protocol error") << std::hex << value;
  }
}

TEST(FrameDecoder, FailureIsSticky) {
  listing l;
  l.feed(header(0xffffffff) + data(3));
  l.feed(control(frame_code::close));
  EXPECT_EQ(l.text, "failure: protocol error, failure: protocol error");
  EXPECT_EQ(l.decoder().failure(), errc::protocol);
}

TEST(FrameDecoder, TellsWhatTheFrameStillLacks) {
  frame_decoder d(100);
  EXPECT_EQ(d.header_left(), 4U);
  bytes first = header(10);
  std::span<std::byte> part(first);
  auto half = part.first(3);
  d.next(half);
  EXPECT_EQ(d.header_left(), 1U);
  half = part.subspan(3);
  d.next(half);
  EXPECT_EQ(d.header_left(), 4U);
  EXPECT_EQ(d.payload_left(), 10U);
  EXPECT_EQ(d.last_length(), 10U);
}

}  // namespace
