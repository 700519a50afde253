// How connections end: each half independently, both in every order, with and without bytes
// in flight.
#include "tests/unit/device/device_fixture.hpp"

using namespace tests;

namespace {

constexpr std::uint32_t no_receive = VIRTIO_VSOCK_SHUTDOWN_RCV;
constexpr std::uint32_t no_send = VIRTIO_VSOCK_SHUTDOWN_SEND;
constexpr std::uint32_t both = no_receive | no_send;

}  // namespace

// --- one half ---

TEST_F(DeviceTest, GuestsShutdownOfSendingIsTheHostsEndOfFile) {
  auto c = connect();
  EXPECT_TRUE(c.guest->send("last words"));
  c.guest->shutdown(no_send);
  EXPECT_EQ(read_all(c.host), "last words");
  EXPECT_TRUE(c.host.end_of_file());
}

TEST_F(DeviceTest, AfterTheGuestsShutdownOfSendingTheHostStillSends) {
  auto c = connect();
  c.guest->shutdown(no_send);
  EXPECT_EQ(read_all(c.host), "");
  const auto text = pattern(100000);
  std::size_t sent = 0;
  EXPECT_TRUE(until([&] {
    if (sent < text.size()) {
      sent += static_cast<std::size_t>(c.host.send(std::string_view(text).substr(sent)));
    }
    return c.guest->received() == text;
  }));
  EXPECT_FALSE(c.guest->was_reset());
}

TEST_F(DeviceTest, EndOfFileWaitsForTheBytesBeforeIt) {
  auto c = connect();
  const auto text = pattern(flow::device::receive_buffer);
  EXPECT_TRUE(c.guest->send(text));
  c.guest->shutdown(no_send);
  settle();
  ASSERT_LT(device.delivered(), text.size());
  EXPECT_EQ(read_all(c.host), text);
  EXPECT_TRUE(c.host.end_of_file());
}

TEST_F(DeviceTest, HostsShutdownOfWritingIsShutdownOfSending) {
  auto c = connect();
  c.host.send("last words");
  c.host.shutdown_write();
  EXPECT_TRUE(until([&] { return c.guest->peer_shutdown() != 0; }));
  EXPECT_EQ(c.guest->received(), "last words");
  EXPECT_EQ(c.guest->peer_shutdown(), no_send);
  // The other half is still open.
  EXPECT_TRUE(c.guest->send("reply"));
  EXPECT_EQ(read_all(c.host, 5), "reply");
  EXPECT_FALSE(c.guest->was_reset());
}

TEST_F(DeviceTest, ShutdownOfSendingWaitsForAGuestThatDoesNotRead) {
  auto c = connect(1000, 80, 4096);
  c.guest->stop_reading();
  const auto text = pattern(10000);
  ASSERT_EQ(c.host.send(text), 10000);
  c.host.shutdown_write();
  EXPECT_TRUE(until([&] { return c.guest->received().size() == 4096; }));
  settle();
  EXPECT_EQ(c.guest->peer_shutdown(), 0U);
  c.guest->start_reading();
  EXPECT_TRUE(until([&] { return c.guest->peer_shutdown() == no_send; }));
  EXPECT_EQ(c.guest->received(), text);
}

TEST_F(DeviceTest, GuestsShutdownOfReceivingIsTheHostsBrokenPipe) {
  auto c = connect();
  c.guest->shutdown(no_receive);
  settle();
  EXPECT_EQ(c.host.send("x"), -1);
  EXPECT_EQ(errno, EPIPE);
  // The other half is still open.
  EXPECT_TRUE(c.guest->send("still here"));
  EXPECT_EQ(read_all(c.host, 10), "still here");
}

TEST_F(DeviceTest, HostsShutdownOfReadingIsToldAtTheNextPacket) {
  auto c = connect();
  c.host.shutdown_read();
  EXPECT_TRUE(c.guest->send("x"));
  EXPECT_TRUE(until([&] { return c.guest->peer_shutdown() == no_receive; }));
  // The other half is still open.
  c.host.send("hello");
  EXPECT_TRUE(until([&] { return c.guest->received() == "hello"; }));
}

// --- both halves, in every order ---

namespace {

enum class step { guest_sends_no_more, guest_receives_no_more, host_writes_no_more, host_closes };

const char* name(step s) {
  switch (s) {
    case step::guest_sends_no_more:
      return "GuestSend";
    case step::guest_receives_no_more:
      return "GuestReceive";
    case step::host_writes_no_more:
      return "HostWrite";
    case step::host_closes:
      return "HostClose";
  }
  return "";
}

class CloseInOrder : public DeviceTest,
                     public ::testing::WithParamInterface<std::tuple<step, step, bool>> {};

}  // namespace

INSTANTIATE_TEST_SUITE_P(
    All, CloseInOrder,
    ::testing::Combine(::testing::Values(step::guest_sends_no_more, step::guest_receives_no_more,
                                         step::host_writes_no_more, step::host_closes),
                       ::testing::Values(step::guest_sends_no_more, step::guest_receives_no_more,
                                         step::host_writes_no_more, step::host_closes),
                       ::testing::Bool()),
    [](const auto& p) {
      return std::string(name(std::get<0>(p.param))) + "Then" + name(std::get<1>(p.param)) +
             (std::get<2>(p.param) ? "WithBytes" : "");
    });

// Whatever the order, data sent before the end arrives, and nothing is left in the end.
TEST_P(CloseInOrder, LosesNothingAndLeavesNothing) {
  const auto [first, second, with_bytes] = GetParam();
  auto c = connect();
  const std::string from_guest = with_bytes ? pattern(100000, 1) : "";
  const std::string from_host = with_bytes ? pattern(50000, 2) : "";
  std::string at_host;
  bool host_open = true;
  if (with_bytes) {
    ASSERT_TRUE(c.guest->send(from_guest));
    ASSERT_EQ(c.host.send(from_host), 50000);
  }
  const auto run = [&](step s) {
    switch (s) {
      case step::guest_sends_no_more:
        c.guest->shutdown(no_send);
        break;
      case step::guest_receives_no_more:
        // The peer can still read the data already sent to it.
        ASSERT_TRUE(until([&] { return c.guest->received() == from_host; }));
        c.guest->shutdown(no_receive);
        break;
      case step::host_writes_no_more:
        c.host.shutdown_write();
        break;
      case step::host_closes:
        if (host_open) {
          at_host = read_all(c.host, from_guest.size());
          c.host.close();
          host_open = false;
        }
        break;
    }
  };
  run(first);
  settle();
  run(second);
  settle();

  if (host_open) {
    at_host += c.host.read(from_guest.size());
    ASSERT_TRUE(until([&] {
      at_host += c.host.read(from_guest.size() - at_host.size());
      return at_host.size() == from_guest.size();
    }));
  }
  EXPECT_EQ(at_host, from_guest);
  EXPECT_TRUE(until([&] { return c.guest->received() == from_host; }));

  // Both sides have closed.
  c.host.close();
  settle();
  if (!c.guest->was_reset()) {
    c.guest->shutdown(both);
    EXPECT_TRUE(until([&] { return c.guest->was_reset(); }));
  }
  settle();
  EXPECT_EQ(device.connections(), 0U);
}

TEST_F(DeviceTest, GuestsCloseIsAnsweredByResetAndEndsTheHost) {
  auto c = connect();
  EXPECT_TRUE(c.guest->send("bye"));
  c.guest->shutdown(both);
  EXPECT_TRUE(until([&] { return c.guest->was_reset(); }));
  EXPECT_EQ(read_all(c.host), "bye");
  EXPECT_TRUE(c.host.end_of_file());
  EXPECT_EQ(c.host.send("x"), -1);
  EXPECT_EQ(device.connections(), 0U);
}

TEST_F(DeviceTest, GuestsCloseInTwoStepsIsAClose) {
  auto c = connect();
  c.guest->shutdown(no_receive);
  settle();
  EXPECT_FALSE(c.guest->was_reset());
  c.guest->shutdown(no_send);
  EXPECT_TRUE(until([&] { return c.guest->was_reset(); }));
  EXPECT_EQ(read_all(c.host), "");
}

TEST_F(DeviceTest, HostsCloseAsksTheGuestToConfirm) {
  auto c = connect();
  c.host.send("bye");
  c.host.close();
  EXPECT_TRUE(until([&] { return c.guest->peer_shutdown() == both; }));
  EXPECT_EQ(c.guest->received(), "bye");
  EXPECT_FALSE(c.guest->was_reset());
  EXPECT_EQ(device.connections(), 1U);
  c.guest->reset();
  settle();
  EXPECT_EQ(device.connections(), 0U);
}

TEST_F(DeviceTest, BothHalvesEndedEndTheConnection) {
  auto c = connect();
  c.guest->shutdown(no_send);
  EXPECT_EQ(read_all(c.host), "");
  c.host.shutdown_write();
  EXPECT_TRUE(until([&] { return c.guest->peer_shutdown() == both; }));
  c.guest->reset();
  settle();
  EXPECT_EQ(device.connections(), 0U);
}

TEST_F(DeviceTest, CrossingClosesEnd) {
  auto c = connect();
  c.host.close();
  // Before the guest has seen any of it.
  c.guest->transmit(VIRTIO_VSOCK_OP_RW, "too late");
  c.guest->shutdown(both);
  EXPECT_TRUE(until([&] { return c.guest->was_reset(); }));
  settle();
  EXPECT_EQ(device.connections(), 0U);
}

TEST_F(DeviceTest, BytesForAHostThatHasClosedAreRefusedAndCounted) {
  auto c = connect();
  c.host.close();
  EXPECT_TRUE(c.guest->send("nobody reads this"));
  EXPECT_TRUE(until([&] { return c.guest->peer_shutdown() == both; }));
  c.guest->reset();
  settle();
  EXPECT_EQ(device.refused(), 17U);
}

TEST_F(DeviceTest, BytesUnderWayToAClosedConnectionDoNoHarm) {
  auto c = connect();
  c.host.close();
  EXPECT_TRUE(until([&] { return c.guest->peer_shutdown() == both; }));
  c.guest->transmit(VIRTIO_VSOCK_OP_RW, "sent before the news");
  c.guest->transmit(VIRTIO_VSOCK_OP_CREDIT_REQUEST);
  settle();
  EXPECT_FALSE(c.guest->was_reset());
  c.guest->reset();
  settle();
  EXPECT_EQ(device.connections(), 0U);
}

TEST_F(DeviceTest, HostThatClosesWithBytesUnreadStillDeliversItsOwn) {
  auto c = connect();
  EXPECT_TRUE(c.guest->send("unread"));
  settle();
  c.host.send("reply");
  c.host.close();  // the kernel turns the unread bytes into a reset
  EXPECT_TRUE(until([&] { return c.guest->was_reset() || c.guest->peer_shutdown() == both; }));
  EXPECT_EQ(c.guest->received(), "reply");
}

TEST_F(DeviceTest, DataAfterItsOwnShutdownResetsTheGuest) {
  auto c = connect();
  EXPECT_TRUE(c.guest->send("before"));
  c.guest->shutdown(no_send);
  c.guest->transmit(VIRTIO_VSOCK_OP_RW, "after");
  EXPECT_TRUE(until([&] { return c.guest->was_reset(); }));
  EXPECT_EQ(read_all(c.host), "before");
}

// --- the guest leaves, the bytes stay ---

TEST_F(DeviceTest, BytesOfAGuestThatClosedReachASlowReader) {
  auto c = connect();
  const auto text = pattern(flow::device::receive_buffer);
  EXPECT_TRUE(c.guest->send(text));
  ASSERT_LT(device.delivered(), text.size());
  c.guest->shutdown(both);
  EXPECT_TRUE(until([&] { return c.guest->was_reset(); }));
  EXPECT_EQ(device.lingering(), 1U);
  std::string got;
  while (!c.host.over()) {
    got += c.host.read(1000);
    kernel->turn();
  }
  EXPECT_EQ(got, text);
  EXPECT_TRUE(c.host.end_of_file());
  EXPECT_EQ(device.connections(), 0U);
}

TEST_F(DeviceTest, BytesOfAGuestThatResetReachASlowReader) {
  auto c = connect();
  const auto text = pattern(flow::device::receive_buffer);
  EXPECT_TRUE(c.guest->send(text));
  c.guest->reset();
  settle();
  EXPECT_EQ(device.lingering(), 1U);
  EXPECT_EQ(c.host.send("nobody there"), -1);
  EXPECT_EQ(read_all(c.host), text);
  EXPECT_EQ(device.connections(), 0U);
}

TEST_F(DeviceTest, ReaderThatLeavesEndsTheWaiting) {
  auto c = connect();
  EXPECT_TRUE(c.guest->send(pattern(flow::device::receive_buffer)));
  c.guest->reset();
  settle();
  EXPECT_EQ(device.lingering(), 1U);
  c.host.close();
  settle();
  EXPECT_EQ(device.connections(), 0U);
  EXPECT_GT(device.refused(), 0U);
}

TEST_F(DeviceTest, HostsWordsThatTheGuestCannotTakeAnyMoreAreAReset) {
  auto c = connect(1000, 80, 1000);
  c.guest->stop_reading();
  ASSERT_EQ(c.host.send(pattern(5000)), 5000);
  EXPECT_TRUE(c.guest->send("bye"));
  settle();
  c.guest->reset();
  EXPECT_EQ(read_all(c.host), "bye");
  EXPECT_EQ(c.host.error(), ECONNRESET);
}

// A reset at every point of a conversation leaves nothing behind and loses no data sent before.
TEST_F(DeviceTest, ResetMayComeAtAnyTime) {
  for (std::uint32_t point = 0; point < 40; ++point) {
    auto c = connect(2000 + point, 80);
    const auto out = pattern(60000, point);
    const auto in = pattern(60000, point + 1);
    std::size_t out_sent = 0;
    std::size_t in_sent = 0;
    std::string got;
    for (std::uint32_t i = 0; i < point; ++i) {
      switch (i % 4) {
        case 0:
          out_sent += c.guest->send_some(std::string_view(out).substr(out_sent, 7000));
          break;
        case 1:
          in_sent +=
              static_cast<std::size_t>(c.host.send(std::string_view(in).substr(in_sent, 9000)));
          break;
        case 2:
          got += c.host.read(3000);
          break;
        default:
          kernel->turn();
      }
    }
    c.guest->reset();
    got += read_all(c.host);
    EXPECT_EQ(got, out.substr(0, out_sent)) << "at " << point;
    EXPECT_EQ(c.guest->received(), in.substr(0, c.guest->received().size()));
    EXPECT_EQ(device.connections(), 0U);
  }
}
