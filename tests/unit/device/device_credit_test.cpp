// Flow control, and that connections do not impede each other.
#include "tests/unit/device/device_fixture.hpp"

using namespace tests;
using flow::device::receive_buffer;

TEST_F(DeviceTest, GuestMaySendItsWholeCreditToAHostThatDoesNotRead) {
  auto c = connect();
  const auto text = pattern(2000000);
  const auto sent = c.guest->send_some(text);
  EXPECT_EQ(sent, receive_buffer);
  settle();
  // The host's socket has accepted some, which becomes credit again, and so on, until it is full.
  std::size_t more = sent;
  for (int i = 0; i < 50; ++i) {
    more += c.guest->send_some(std::string_view(text).substr(more));
    kernel->turn();
  }
  EXPECT_EQ(c.guest->credit(), 0U);
  EXPECT_FALSE(c.guest->was_reset());
  const auto got = read_all(c.host, more);
  EXPECT_EQ(got, text.substr(0, more));
}

TEST_F(DeviceTest, CreditComesBackAsTheHostReads) {
  auto c = connect();
  const auto text = pattern(5000000);
  std::string got;
  std::size_t sent = 0;
  EXPECT_TRUE(until([&] {
    sent += c.guest->send_some(std::string_view(text).substr(sent));
    got += c.host.read(50000);
    return got.size() == text.size();
  }));
  EXPECT_EQ(got, text);
}

TEST_F(DeviceTest, OneByteBeyondTheCreditIsAReset) {
  auto c = connect();
  std::size_t sent = 0;
  for (int i = 0; i < 50; ++i) {
    sent += c.guest->send_some(pattern(receive_buffer));
    kernel->turn();
  }
  ASSERT_EQ(c.guest->credit(), 0U);
  c.guest->transmit(VIRTIO_VSOCK_OP_RW, "x");
  EXPECT_TRUE(until([&] { return c.guest->was_reset(); }));
  // Data sent within the credit still arrives.
  EXPECT_EQ(read_all(c.host).size(), sent);
}

TEST_F(DeviceTest, PacketLargerThanAnyIsAReset) {
  auto c = connect();
  c.guest->transmit(VIRTIO_VSOCK_OP_RW, std::string(flow::device::max_payload + 1, 'x'));
  EXPECT_TRUE(until([&] { return c.guest->was_reset(); }));
  EXPECT_EQ(read_all(c.host), "");
}

TEST_F(DeviceTest, DeviceNeverSendsBeyondTheGuestsCredit) {
  auto c = connect(1000, 80, 10000);
  c.guest->stop_reading();
  // handle() in the guest throws if more arrives than fits.
  ASSERT_EQ(c.host.send(pattern(50000)), 50000);
  settle();
  EXPECT_EQ(c.guest->received().size(), 10000U);
}

TEST_F(DeviceTest, DeviceAsksOnceForCreditThatItLacks) {
  auto c = connect(1000, 80, 10000);
  c.guest->stop_reading();
  const auto text = pattern(50000);
  ASSERT_EQ(c.host.send(text), 50000);
  settle();
  settle();
  EXPECT_EQ(c.guest->credit_requests(), 1);
  c.guest->start_reading();
  EXPECT_TRUE(until([&] { return c.guest->received() == text; }));
}

namespace {

// A connection whose guest side the test plays packet by packet.
class RawConnection : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    tell(VIRTIO_VSOCK_OP_REQUEST, 1000, 0);
    guest->expect(VIRTIO_VSOCK_OP_RESPONSE);
    host = std::make_unique<host_socket>(connector.take(1000, 80));
  }

  void tell(std::uint16_t op, std::uint32_t buffer, std::uint32_t forwarded) {
    auto h = guest->header(op, 1000, 80);
    h.buf_alloc = buffer;
    h.fwd_cnt = forwarded;
    guest->transmit(h);
    guest->settle();
  }

  // Only requests credit, and only once.
  void expect_no_data() {
    guest->settle();
    const auto p = guest->receive();
    EXPECT_TRUE(p && p->header.op == VIRTIO_VSOCK_OP_CREDIT_REQUEST);
    EXPECT_FALSE(guest->receive());
  }

  std::unique_ptr<host_socket> host;
};

}  // namespace

TEST_F(RawConnection, GuestWithoutAnyBufferIsSentNothingUntilItHasOne) {
  tell(VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0, 0);
  host->send("hello");
  expect_no_data();
  tell(VIRTIO_VSOCK_OP_CREDIT_UPDATE, 3, 0);
  EXPECT_EQ(guest->expect(VIRTIO_VSOCK_OP_RW).payload, "hel");
  expect_no_data();
  tell(VIRTIO_VSOCK_OP_CREDIT_UPDATE, 3, 3);
  EXPECT_EQ(guest->expect(VIRTIO_VSOCK_OP_RW).payload, "lo");
}

TEST_F(RawConnection, GuestThatTakesCreditBackIsSentNothing) {
  host->send("hello");
  EXPECT_EQ(guest->expect(VIRTIO_VSOCK_OP_RW).payload, "hello");
  tell(VIRTIO_VSOCK_OP_CREDIT_UPDATE, 4, 0);
  host->send("world");
  expect_no_data();
  tell(VIRTIO_VSOCK_OP_CREDIT_UPDATE, 4, 5);
  EXPECT_EQ(guest->expect(VIRTIO_VSOCK_OP_RW).payload, "worl");
}

TEST_F(RawConnection, GuestThatClaimsToHaveReadWhatWasNeverSentIsSentNothing) {
  tell(VIRTIO_VSOCK_OP_CREDIT_UPDATE, 0x7fffffff, 1);
  host->send("hello");
  expect_no_data();
}

TEST_F(DeviceTest, CreditRequestIsAnswered) {
  auto c = connect();
  EXPECT_TRUE(c.guest->send("12345"));
  EXPECT_EQ(read_all(c.host, 5), "12345");
  guest->transmit(guest->header(VIRTIO_VSOCK_OP_CREDIT_REQUEST, 1000, 80));
  const auto p = guest->expect(VIRTIO_VSOCK_OP_CREDIT_UPDATE);
  EXPECT_EQ(p.header.fwd_cnt, 5U);
  EXPECT_EQ(p.header.buf_alloc, receive_buffer);
}

// --- nobody waits for another ---

TEST_F(DeviceTest, StalledReaderStopsNobodyElse) {
  std::vector<pair> stalled;
  for (std::uint32_t i = 0; i < 5; ++i) {
    stalled.push_back(connect(100 + i, 80));
    for (int k = 0; k < 50; ++k) {
      stalled.back().guest->send_some(pattern(receive_buffer, i));
      kernel->turn();
    }
    ASSERT_EQ(stalled.back().guest->credit(), 0U);
  }
  auto c = connect();
  const auto text = pattern(3000000);
  std::string got;
  std::size_t sent = 0;
  EXPECT_TRUE(until([&] {
    sent += c.guest->send_some(std::string_view(text).substr(sent));
    got += c.host.read();
    return got.size() == text.size();
  }));
  EXPECT_EQ(got, text);
}

TEST_F(DeviceTest, GuestSocketThatIsNotReadStopsNobodyElse) {
  auto deaf = connect(100, 80, 20000);
  deaf.guest->stop_reading();
  deaf.host.send(pattern(200000));
  auto c = connect();
  const auto text = pattern(1000000);
  std::size_t sent = 0;
  EXPECT_TRUE(until([&] {
    if (sent < text.size()) {
      sent += static_cast<std::size_t>(c.host.send(std::string_view(text).substr(sent)));
    }
    return c.guest->received().size() == text.size();
  }));
  EXPECT_EQ(c.guest->received(), text);
}

TEST_F(DeviceTest, ConnectionsToTheGuestTakeTurns) {
  // The guest posts few buffers at a time, many sockets have much data: all must progress equally.
  std::vector<pair> all;
  all.reserve(8);
  for (std::uint32_t i = 0; i < 8; ++i) {
    all.push_back(connect(100 + i, 80));
  }
  for (auto& c : all) {
    ASSERT_EQ(c.host.send(pattern(150000)), 150000);
  }
  const auto total = [&] {
    std::size_t sum = 0;
    for (const auto& c : all) {
      sum += c.guest->received().size();
    }
    return sum;
  };
  ASSERT_TRUE(until([&] { return total() >= 600000; }));
  for (const auto& c : all) {
    EXPECT_GT(c.guest->received().size(), 0U);
  }
  ASSERT_TRUE(until([&] { return total() == 1200000; }));
}

TEST_F(DeviceTest, RefusalsThatTheGuestDoesNotTakeAreBounded) {
  guest->hold_buffers(true);
  // Uses up the posted buffers and then the room for refusals; the rest stays in the queue.
  std::size_t transmitted = 0;
  const auto rst = guest->header(VIRTIO_VSOCK_OP_RW, 7, 8);
  for (; transmitted < 64 + flow::device::max_replies + 30; ++transmitted) {
    guest->transmit(rst);
    guest->turn();
  }
  settle();
  while (guest->receive()) {
  }
  EXPECT_TRUE(device.running());
  // Once it takes them, all have arrived.
  std::size_t received = 64;
  guest->hold_buffers(false);
  for (std::uint16_t i = 0; i < 64; ++i) {
    guest->receive_ring().offer(i);
  }
  guest->receive_ring().kick();
  EXPECT_TRUE(guest->until([&] {
    while (guest->receive()) {
      ++received;
    }
    return received == transmitted;
  })) << received
      << " of " << transmitted;
}
