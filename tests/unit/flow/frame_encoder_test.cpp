#include "flow/frame_encoder.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <string>
#include <vector>

namespace {

using flow::frame_code;
using flow::frame_encoder;

std::string bytes_of(const frame_encoder::batch& b) {
  std::string all;
  for (const auto& piece : b.buffers()) {
    all.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  }
  return all;
}

std::string header(std::uint32_t value) {
  const auto h = flow::encode_header(value);
  return {reinterpret_cast<const char*>(h.data()), h.size()};
}

// `payload` cut into pieces of the given sizes, the rest in one.
std::vector<iovec> cut(std::string& payload, const std::vector<std::size_t>& sizes) {
  std::vector<iovec> pieces;
  std::size_t offset = 0;
  for (std::size_t size : sizes) {
    size = std::min(size, payload.size() - offset);
    pieces.push_back({payload.data() + offset, size});
    offset += size;
  }
  pieces.push_back({payload.data() + offset, payload.size() - offset});
  return pieces;
}

// Sends `payload` through an encoder to a transport that accepts `take` bytes of every batch.
std::string sent(std::string payload, std::uint32_t max_payload, std::size_t take,
                 const std::vector<std::size_t>& sizes = {}) {
  frame_encoder e(max_payload);
  std::vector<iovec> pieces = cut(payload, sizes);
  std::string wire;
  std::size_t left = payload.size();
  while (left != 0) {
    frame_encoder::batch b;
    e.gather(b, pieces);
    const std::string all = bytes_of(b);
    EXPECT_EQ(all.size(), b.size());
    EXPECT_FALSE(all.empty());
    const std::size_t n = std::min(take, all.size());
    wire += all.substr(0, n);
    std::size_t consumed = e.advance(n, left);
    left -= consumed;
    while (consumed != 0) {
      const std::size_t k = std::min(consumed, pieces.front().iov_len);
      pieces.front().iov_base = static_cast<char*>(pieces.front().iov_base) + k;
      pieces.front().iov_len -= k;
      consumed -= k;
      if (pieces.front().iov_len == 0) {
        pieces.erase(pieces.begin());
      }
    }
  }
  EXPECT_FALSE(e.inside_frame());
  return wire;
}

TEST(FrameEncoder, CutsAMessageIntoFramesAndARemainder) {
  EXPECT_EQ(sent("abcdefg", 3, 1000), header(3) + "abc" + header(3) + "def" + header(1) + "g");
}

TEST(FrameEncoder, AnyPartialWriteGivesTheSameBytes) {
  std::string payload(100, '\0');
  std::iota(payload.begin(), payload.end(), '\0');
  const std::string whole = sent(payload, 7, 100000);
  for (std::size_t take = 1; take <= whole.size(); ++take) {
    ASSERT_EQ(sent(payload, 7, take), whole) << take;
  }
}

TEST(FrameEncoder, PiecesOfThePayloadDoNotShowOnTheWire) {
  std::string payload(60, '\0');
  std::iota(payload.begin(), payload.end(), '\0');
  const std::string whole = sent(payload, 16, 100000);
  for (std::size_t a = 0; a < 20; ++a) {
    for (std::size_t b = 0; b < 20; ++b) {
      ASSERT_EQ(sent(payload, 16, 100000, {a, b}), whole) << a << ' ' << b;
      ASSERT_EQ(sent(payload, 16, 5, {a, 0, b}), whole) << a << ' ' << b;
    }
  }
}

TEST(FrameEncoder, ManyPiecesAndFramesFitOneBatchOrTheNext) {
  std::string payload(5000, 'x');
  const std::vector<std::size_t> single(5000, 1);
  EXPECT_EQ(sent(payload, 2, 100000, single), sent(payload, 2, 100000));
}

TEST(FrameEncoder, ControlFramesAreTheirHeader) {
  frame_encoder e(10);
  e.begin(frame_code::close);
  frame_encoder::batch b;
  e.gather(b, {});
  EXPECT_EQ(bytes_of(b), header(0xdeaddead));
  e.advance(3, 0);
  EXPECT_TRUE(e.inside_frame());
  frame_encoder::batch rest;
  e.gather(rest, {});
  EXPECT_EQ(bytes_of(rest), header(0xdeaddead).substr(3));
  e.advance(1, 0);
  EXPECT_FALSE(e.inside_frame());
}

TEST(FrameEncoder, TellsWhatABegunFrameOwes) {
  frame_encoder e(10);
  std::string payload(25, 'x');
  const iovec whole{payload.data(), payload.size()};
  frame_encoder::batch b;
  e.gather(b, {&whole, 1});
  // The whole first frame, and the header and one byte of the second.
  EXPECT_EQ(e.advance(4 + 10 + 4 + 1, 25), 11U);
  EXPECT_TRUE(e.inside_frame());
  EXPECT_EQ(e.payload_left(), 9U);
}

TEST(FrameEncoder, ASmallMessageIsOnePieceAndALargeOneIsNotCopied) {
  for (const std::size_t size : {1U, 4096U, 4097U}) {
    frame_encoder e(10'000);
    std::string payload(size, 'x');
    const std::vector<iovec> pieces = cut(payload, {size / 2});
    frame_encoder::batch b;
    e.gather(b, pieces);
    EXPECT_EQ(b.buffers().size(), size <= 4096 ? 1U : 3U);
    EXPECT_EQ(bytes_of(b), header(static_cast<std::uint32_t>(size)) + payload);
  }
}

}  // namespace
