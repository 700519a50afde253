#include "tests/unit/device/device_fixture.hpp"

using namespace tests;
using flow::device::host_cid;

TEST_F(DeviceTest, RequestIsAnsweredByResponseAndHandsTheSocketOut) {
  guest_socket s(*kernel, 1000, 80);
  EXPECT_TRUE(s.connect());
  EXPECT_TRUE(connector.has(1000, 80));
  EXPECT_EQ(s.credit(), flow::device::receive_buffer);
}

TEST_F(DeviceTest, ResponseComesFromTheHostAndCarriesTheGuestsCid) {
  guest->transmit(guest->header(VIRTIO_VSOCK_OP_REQUEST, 7, 8));
  const auto p = guest->expect(VIRTIO_VSOCK_OP_RESPONSE);
  EXPECT_EQ(p.header.src_cid, host_cid);
  EXPECT_EQ(p.header.dst_cid, guest->cid());
  EXPECT_EQ(p.header.src_port, 8U);
  EXPECT_EQ(p.header.dst_port, 7U);
  EXPECT_EQ(p.header.type, VIRTIO_VSOCK_TYPE_STREAM);
}

TEST_F(DeviceTest, RefusedConnectionIsReset) {
  connector.refuse = true;
  guest_socket s(*kernel, 1000, 80);
  EXPECT_FALSE(s.connect());
  EXPECT_EQ(device.connections(), 0U);
}

TEST_F(DeviceTest, RequestToAnotherCidIsResetFromThatCid) {
  auto h = guest->header(VIRTIO_VSOCK_OP_REQUEST, 7, 8);
  h.dst_cid = 77;
  guest->transmit(h);
  const auto p = guest->expect(VIRTIO_VSOCK_OP_RST);
  EXPECT_EQ(p.header.src_cid, 77U);
  EXPECT_EQ(connector.last().host_port, 0U);
}

TEST_F(DeviceTest, PacketFromAForeignCidIsDropped) {
  auto h = guest->header(VIRTIO_VSOCK_OP_REQUEST, 7, 8);
  h.src_cid = guest->cid() + 1;
  guest->transmit(h);
  guest->settle();
  EXPECT_FALSE(guest->receive());
  EXPECT_EQ(connector.last().host_port, 0U);
}

TEST_F(DeviceTest, UnknownTypeIsResetInItsOwnType) {
  auto h = guest->header(VIRTIO_VSOCK_OP_REQUEST, 7, 8);
  h.type = VIRTIO_VSOCK_TYPE_SEQPACKET;
  guest->transmit(h);
  const auto p = guest->expect(VIRTIO_VSOCK_OP_RST);
  EXPECT_EQ(p.header.type, VIRTIO_VSOCK_TYPE_SEQPACKET);
}

TEST_F(DeviceTest, ResetIsNeverAnswered) {
  auto h = guest->header(VIRTIO_VSOCK_OP_RST, 7, 8);
  guest->transmit(h);
  h.type = 99;
  guest->transmit(h);
  h.dst_cid = 77;
  guest->transmit(h);
  guest->settle();
  EXPECT_FALSE(guest->receive());
}

TEST_F(DeviceTest, EveryOtherPacketOfNoConnectionIsReset) {
  constexpr std::array<std::uint16_t, 8> operations{0, 2, 4, 5, 6, 7, 8, 65535};
  for (const auto op : operations) {
    guest->transmit(guest->header(op, 7, 8));
    const auto p = guest->expect(VIRTIO_VSOCK_OP_RST);
    EXPECT_EQ(p.header.dst_port, 7U) << "op " << op;
  }
}

TEST_F(DeviceTest, UnknownOperationResetsItsConnection) {
  auto c = connect();
  c.guest->transmit(99);
  EXPECT_TRUE(until([&] { return c.guest->was_reset(); }));
  read_all(c.host);
  EXPECT_TRUE(c.host.over());
}

TEST_F(DeviceTest, SecondRequestOfALiveConnectionEndsIt) {
  auto c = connect();
  c.guest->transmit(VIRTIO_VSOCK_OP_REQUEST);
  EXPECT_TRUE(until([&] { return c.guest->was_reset(); }));
  read_all(c.host);
  EXPECT_EQ(device.connections(), 0U);
}

TEST_F(DeviceTest, UnaskedResponseEndsTheConnection) {
  auto c = connect();
  c.guest->transmit(VIRTIO_VSOCK_OP_RESPONSE);
  EXPECT_TRUE(until([&] { return c.guest->was_reset(); }));
}

TEST_F(DeviceTest, SamePortsAreFreeAgainAfterAReset) {
  for (int i = 0; i < 10; ++i) {
    auto c = connect();
    EXPECT_TRUE(c.guest->send("x"));
    c.guest->reset();
    EXPECT_EQ(read_all(c.host), "x");
  }
  EXPECT_EQ(device.connections(), 0U);
}

TEST_F(DeviceTest, SamePortsServeANewConnectionWhileTheOldOnesBytesStillWait) {
  auto old = connect();
  const auto text = pattern(flow::device::receive_buffer);
  // More than the host's socket accepts at once, so that some of it must wait.
  EXPECT_TRUE(old.guest->send(text));
  ASSERT_LT(device.delivered(), text.size());
  old.guest->reset();
  settle();
  ASSERT_EQ(device.lingering(), 1U);
  old.guest.reset();

  auto fresh = connect();
  EXPECT_TRUE(fresh.guest->send("new"));
  EXPECT_EQ(read_all(fresh.host, 3), "new");
  EXPECT_EQ(read_all(old.host), text);
  EXPECT_EQ(device.lingering(), 0U);
}

TEST_F(DeviceTest, GuestThatForgotAFinishedConnectionMayUseItsPortAgain) {
  auto c = connect();
  c.host.close();
  EXPECT_TRUE(until([&] { return c.guest->peer_shutdown() == 3; }));
  // Without confirmation.
  c.guest.reset();
  auto again = connect();
  EXPECT_TRUE(again.guest->send("hello"));
  EXPECT_EQ(read_all(again.host, 5), "hello");
}

TEST_F(DeviceTest, ThousandConnectionsWorkAtOnce) {
  std::vector<pair> all;
  all.reserve(1000);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    all.push_back(connect(5000 + i, 80));
  }
  EXPECT_EQ(device.connections(), 1000U);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const auto text = std::to_string(i);
    ASSERT_TRUE(all[i].guest->send(text));
    all[i].host.send(text + "!");
  }
  for (std::uint32_t i = 0; i < 1000; ++i) {
    const auto text = std::to_string(i);
    ASSERT_EQ(read_all(all[i].host, text.size()), text);
    ASSERT_TRUE(until([&] { return all[i].guest->received() == text + "!"; }));
  }
}

namespace {

class FewConnections : public ::testing::Test, public device_under_test {
 protected:
  FewConnections() : device_under_test({}, 3) {}
  void SetUp() override { guest->boot(); }
};

}  // namespace

TEST_F(FewConnections, OneBeyondTheLimitIsReset) {
  guest_socket a(*kernel, 1, 80);
  guest_socket b(*kernel, 2, 80);
  guest_socket c(*kernel, 3, 80);
  guest_socket d(*kernel, 4, 80);
  EXPECT_TRUE(a.connect());
  EXPECT_TRUE(b.connect());
  EXPECT_TRUE(c.connect());
  EXPECT_FALSE(d.connect());
  EXPECT_FALSE(device.connect_guest(9, std::move(socket_pair()[0])));

  // Room again once one has ended completely.
  a.reset();
  guest->settle();
  guest_socket e(*kernel, 5, 80);
  EXPECT_TRUE(e.connect());
}

TEST_F(FewConnections, BytesOfConnectionsThatTheGuestLeftCountForTheLimit) {
  const auto text = pattern(flow::device::receive_buffer);
  std::vector<host_socket> hosts;
  for (std::uint32_t port = 1; port <= 3; ++port) {
    guest_socket s(*kernel, port, 80);
    ASSERT_TRUE(s.connect());
    hosts.push_back(connector.take(port, 80));
    ASSERT_TRUE(s.send(text));
    s.reset();
    guest->settle();
  }
  EXPECT_EQ(device.lingering(), 3U);
  guest_socket s(*kernel, 4, 80);
  EXPECT_FALSE(s.connect());
}

// --- connections that begin on the host ---

TEST_F(DeviceTest, HostConnectsToTheGuest) {
  auto ends = socket_pair();
  host_socket client(std::move(ends[0]));
  // Data that the client sends before the guest has accepted waits.
  client.send("early");
  ASSERT_TRUE(device.connect_guest(22, std::move(ends[1])));
  const auto request = guest->expect(VIRTIO_VSOCK_OP_REQUEST);
  EXPECT_EQ(request.header.dst_port, 22U);
  EXPECT_GE(request.header.src_port, 1U << 30U);
  EXPECT_EQ(request.header.buf_alloc, flow::device::receive_buffer);

  guest_socket s(*kernel, 22, request.header.src_port);
  s.accept(request);
  EXPECT_TRUE(until([&] { return s.received() == "early"; }));
  EXPECT_EQ(connector.accepts, 1);
  EXPECT_TRUE(s.send("reply"));
  // The connector's answer comes first.
  EXPECT_EQ(read_all(client, 6), "!reply");
}

TEST_F(DeviceTest, GuestThatRefusesClosesTheClient) {
  auto ends = socket_pair();
  host_socket client(std::move(ends[0]));
  ASSERT_TRUE(device.connect_guest(22, std::move(ends[1])));
  const auto request = guest->expect(VIRTIO_VSOCK_OP_REQUEST);
  guest->transmit(guest->header(VIRTIO_VSOCK_OP_RST, 22, request.header.src_port));
  EXPECT_EQ(read_all(client), "");
  EXPECT_EQ(connector.accepts, 0);
  EXPECT_EQ(device.connections(), 0U);
}

TEST_F(DeviceTest, ClientThatGivesUpBeforeTheAnswerIsTakenBack) {
  auto ends = socket_pair();
  ASSERT_TRUE(device.connect_guest(22, std::move(ends[1])));
  guest->expect(VIRTIO_VSOCK_OP_REQUEST);
  ends[0].reset();
  guest->expect(VIRTIO_VSOCK_OP_RST);
  EXPECT_EQ(device.connections(), 0U);
}

TEST_F(DeviceTest, DataBeforeTheResponseResetsTheConnection) {
  auto ends = socket_pair();
  ASSERT_TRUE(device.connect_guest(22, std::move(ends[1])));
  const auto request = guest->expect(VIRTIO_VSOCK_OP_REQUEST);
  guest->transmit(guest->header(VIRTIO_VSOCK_OP_RW, 22, request.header.src_port), "x");
  guest->expect(VIRTIO_VSOCK_OP_RST);
  host_socket client(std::move(ends[0]));
  EXPECT_EQ(read_all(client), "");
}

TEST(DeviceWithoutDriver, HostCannotConnect) {
  device_under_test d;
  auto ends = socket_pair();
  EXPECT_FALSE(d.device.connect_guest(22, std::move(ends[1])));
}
