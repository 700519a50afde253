// Properties of a queue that the other tests do not cover: buffers across regions, and held chains.
#include "flow/device/virtio/virtqueue.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/device/driver_ring.hpp"
#include "tests/support/device/guest_ram.hpp"

using namespace tests;
using flow::device::descriptor_chain;
using flow::device::guest_memory;
using flow::device::virtqueue;
using status = virtqueue::status;

namespace {

class Virtqueue : public ::testing::Test {
 protected:
  void SetUp() override {
    // The high region in two adjacent halves, mapped separately.
    constexpr auto half = guest_ram::high_size / 2;
    auto regions =
        std::array{guest_ram::regions()[0], guest_ram::regions()[1], guest_ram::regions()[1]};
    regions[1].size = half;
    regions[2].size = half;
    regions[2].guest_address += half;
    regions[2].user_address += half;
    regions[2].mmap_offset += half;
    std::array<flow::unique_fd, 3> fds;
    for (auto& fd : fds) {
      fd.reset(::dup(ram.fd()));
    }
    auto mapped = guest_memory::map(regions, fds);
    ASSERT_TRUE(mapped);
    memory = std::move(*mapped);
    make(0);
  }

  void make(std::uint16_t base) {
    auto made = virtqueue::create(memory, 8, ring.addresses(), base, false);
    ASSERT_TRUE(made);
    queue = std::make_unique<virtqueue>(std::move(*made));
  }

  void offer(std::uint16_t index, std::uint64_t address, std::uint32_t length) {
    ring.describe(index, {address, length, VRING_DESC_F_WRITE, 0});
    ring.offer(index);
  }

  guest_ram ram;
  driver_ring ring{ram, 0x10000, 8};
  guest_memory memory;
  std::unique_ptr<virtqueue> queue;
  descriptor_chain chain;
};

constexpr driver_ring::used_entry none{~0U, ~0U};
constexpr auto border = guest_ram::high + guest_ram::high_size / 2;

}  // namespace

TEST_F(Virtqueue, BufferAcrossTouchingRegionsIsTwoPieces) {
  offer(3, border - 100, 300);
  ASSERT_EQ(queue->next(chain), status::chain);
  EXPECT_EQ(chain.head, 3);
  EXPECT_EQ(chain.writable_bytes, 300U);
  ASSERT_EQ(chain.writable.size(), 2U);
  EXPECT_EQ(chain.writable[0].iov_len, 100U);
  EXPECT_EQ(chain.writable[1].iov_len, 200U);
  std::memset(chain.writable[0].iov_base, 'a', 100);
  std::memset(chain.writable[1].iov_base, 'b', 200);
  EXPECT_EQ(ram.get<char>(border - 1), 'a');
  EXPECT_EQ(ram.get<char>(border), 'b');
}

TEST_F(Virtqueue, RewoundChainsComeAgain) {
  for (std::uint16_t i = 0; i < 4; ++i) {
    offer(i, guest_ram::high + std::uint64_t{i} * 0x1000, 100);
  }
  for (int round = 0; round < 3; ++round) {
    for (std::uint16_t i = 0; i < 4; ++i) {
      ASSERT_EQ(queue->next(chain), status::chain);
      EXPECT_EQ(chain.head, i);
    }
    EXPECT_EQ(queue->next(chain), status::empty);
    queue->rewind();
  }
  EXPECT_EQ(queue->base(), 0);
  EXPECT_FALSE(queue->publish());
}

TEST_F(Virtqueue, OnlyWhatWasNotCompletedIsRewound) {
  for (std::uint16_t i = 0; i < 4; ++i) {
    offer(i, guest_ram::high + std::uint64_t{i} * 0x1000, 100);
    ASSERT_EQ(queue->next(chain), status::chain);
  }
  queue->complete(0, 10);
  queue->complete(1, 20);
  queue->rewind();
  EXPECT_FALSE(ring.take_used());
  EXPECT_TRUE(queue->publish());
  EXPECT_EQ(ring.take_used().value_or(none).length, 10U);
  EXPECT_EQ(ring.take_used().value_or(none).length, 20U);
  EXPECT_FALSE(ring.take_used());
  ASSERT_EQ(queue->next(chain), status::chain);
  EXPECT_EQ(chain.head, 2);
}

TEST_F(Virtqueue, ChainsHeldStayValidUntilReturned) {
  std::array<descriptor_chain, 4> held;
  for (std::uint16_t i = 0; i < 4; ++i) {
    offer(i, guest_ram::high + std::uint64_t{i} * 0x1000, 100 + i);
    ASSERT_EQ(queue->next(held[i]), status::chain);
  }
  for (std::uint16_t i = 0; i < 4; ++i) {
    EXPECT_EQ(held[i].writable[0].iov_len, 100U + i);
    EXPECT_EQ(held[i].writable_bytes, 100U + i);
  }
}

TEST_F(Virtqueue, IndicesWrap) {
  make(65533);
  ring.publish(65533);
  for (std::uint16_t i = 0; i < 6; ++i) {
    offer(i, guest_ram::high, 100);
    ASSERT_EQ(queue->next(chain), status::chain) << i;
    EXPECT_EQ(chain.head, i);
    queue->complete(chain.head, i);
    queue->publish();
    EXPECT_EQ(ring.take_used().value_or(none).length, i);
  }
  EXPECT_EQ(queue->base(), 3);
}

TEST_F(Virtqueue, QueueThatWasViolatedStaysSo) {
  ring.offer(100);
  EXPECT_EQ(queue->next(chain), status::violation);
  EXPECT_STREQ(queue->violation(), "descriptor index out of range");
  ring.offer(0);
  EXPECT_EQ(queue->next(chain), status::violation);
}

TEST_F(Virtqueue, SizesThatNoQueueHasAreRefused) {
  for (const std::uint16_t size : std::array<std::uint16_t, 5>{0, 3, 100, 2048, 32768}) {
    EXPECT_FALSE(virtqueue::create(memory, size, ring.addresses(), 0, false)) << size;
  }
}

TEST(VirtqueueOf1024, HoldsAsManyPiecesAsThereIsRoomForAndThenSaysFull) {
  guest_ram ram;
  const std::array fds{flow::unique_fd(::dup(ram.fd())), flow::unique_fd(::dup(ram.fd()))};
  auto memory = guest_memory::map(guest_ram::regions(), fds);
  ASSERT_TRUE(memory);
  driver_ring ring(ram, 0x10000, 1024);
  auto queue = virtqueue::create(*memory, 1024, ring.addresses(), 0, false);
  ASSERT_TRUE(queue);
  // Each chain is 600 descriptors: the second does not fit beside the first.
  for (std::uint16_t i = 0; i < 600; ++i) {
    ring.describe(
        i, {guest_ram::high + i, 1, static_cast<std::uint16_t>(i == 599 ? 0 : VRING_DESC_F_NEXT),
            static_cast<std::uint16_t>(i + 1)});
  }
  ring.offer(0);
  ring.offer(0);
  descriptor_chain chain;
  ASSERT_EQ(queue->next(chain), status::chain);
  EXPECT_EQ(chain.readable.size(), 600U);
  EXPECT_EQ(queue->next(chain), status::full);
  EXPECT_EQ(queue->base(), 1);
  queue->complete(0, 0);
  ASSERT_EQ(queue->next(chain), status::chain);
  EXPECT_EQ(chain.readable_bytes, 600U);
}
