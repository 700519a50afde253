#include "flow/device/vsock/byte_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "tests/unit/device/device_fixture.hpp"

using flow::device::block_pool;
using flow::device::byte_queue;

namespace {

void append(byte_queue& q, std::string_view text) {
  q.append(std::as_bytes(std::span(text)));
}

// Returns the oldest bytes, at most `count`.
std::string take(byte_queue& q, std::size_t count) {
  std::array<iovec, 3> parts;
  const auto used = q.front(parts);
  std::string text;
  for (const auto& part : std::span(parts).first(used)) {
    text.append(static_cast<const char*>(part.iov_base), part.iov_len);
  }
  text.resize(std::min(text.size(), count));
  q.consume(text.size());
  return text;
}

}  // namespace

TEST(ByteQueue, BytesComeOutInOrderWhateverThePieces) {
  block_pool pool;
  byte_queue q(pool);
  const auto text = tests::pattern(500000);
  std::string got;
  std::size_t in = 0;
  for (std::size_t i = 1; got.size() < text.size(); ++i) {
    const auto n = std::min(i * 7919 % 30000, text.size() - in);
    append(q, std::string_view(text).substr(in, n));
    in += n;
    ASSERT_EQ(q.size(), in - got.size());
    got += take(q, i * 104729 % 25000);
  }
  EXPECT_EQ(got, text);
  EXPECT_TRUE(q.empty());
}

TEST(ByteQueue, FrontGivesNoMorePartsThanAsked) {
  block_pool pool;
  byte_queue q(pool);
  append(q, std::string(block_pool::block_size * 5, 'x'));
  std::array<iovec, 2> parts;
  EXPECT_EQ(q.front(parts), 2U);
  EXPECT_EQ(parts[0].iov_len + parts[1].iov_len, block_pool::block_size * 2);
}

TEST(ByteQueue, EmptyQueueHasNoParts) {
  block_pool pool;
  byte_queue q(pool);
  std::array<iovec, 2> parts;
  EXPECT_EQ(q.front(parts), 0U);
  q.consume(0);
  append(q, "x");
  q.clear();
  EXPECT_EQ(q.front(parts), 0U);
  EXPECT_EQ(q.size(), 0U);
}

TEST(BlockPool, BlocksOfAnEmptiedQueueServeTheNext) {
  block_pool pool;
  byte_queue a(pool);
  append(a, std::string(block_pool::block_size * 2, 'x'));
  std::array<iovec, 2> parts;
  a.front(parts);
  const auto* const first = parts[0].iov_base;
  const auto* const second = parts[1].iov_base;
  a.consume(a.size());
  byte_queue b(pool);
  append(b, "y");
  b.front(parts);
  EXPECT_TRUE(parts[0].iov_base == first || parts[0].iov_base == second);
}
