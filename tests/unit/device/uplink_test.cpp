#include "flow/device/uplink.hpp"

#include <fcntl.h>

#include <boost/asio/error.hpp>

#include "flow/device/vsock/uplink_connector.hpp"
#include "flow/system/scm_rights.hpp"
#include "tests/unit/device/device_fixture.hpp"

using namespace tests;
using flow::device::receive_connection;
using flow::device::send_connection;

namespace {

class Uplink : public ::testing::Test {
 protected:
  std::array<flow::unique_fd, 2> ends = socket_pair(SOCK_SEQPACKET);
  std::array<flow::unique_fd, 2> connection = socket_pair();
};

// The number of descriptors of this process.
std::size_t open_descriptors() {
  std::size_t count = 0;
  for (int fd = 0; fd < 1024; ++fd) {
    count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
  }
  return count;
}

}  // namespace

TEST_F(Uplink, CarriesPortsAndTheSocket) {
  ASSERT_TRUE(send_connection(ends[0].get(), {1000, 0xffffffff}, connection[0].get()));
  connection[0].reset();
  auto got = receive_connection(ends[1].get());
  ASSERT_TRUE(got);
  EXPECT_EQ(got->ports.guest_port, 1000U);
  EXPECT_EQ(got->ports.host_port, 0xffffffffU);
  EXPECT_EQ(::fcntl(got->socket.get(), F_GETFD), FD_CLOEXEC);
  ASSERT_EQ(::send(got->socket.get(), "hi", 2, 0), 2);
  EXPECT_EQ(host_socket(std::move(connection[1])).read(), "hi");
}

TEST_F(Uplink, NothingThereWouldBlock) {
  const auto got = receive_connection(ends[1].get());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), boost::system::errc::operation_would_block);
}

TEST_F(Uplink, EndIsEndOfFile) {
  ends[0].reset();
  const auto got = receive_connection(ends[1].get());
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), boost::asio::error::eof);
}

TEST_F(Uplink, FullOneRefusesAtOnce) {
  int sent = 0;
  while (send_connection(ends[0].get(), {1, 2}, connection[0].get())) {
    ASSERT_LT(++sent, 100000);
  }
  EXPECT_GT(sent, 0);
  // Accepts more once there is room.
  ASSERT_TRUE(receive_connection(ends[1].get()));
  while (receive_connection(ends[1].get())) {
  }
  EXPECT_TRUE(send_connection(ends[0].get(), {1, 2}, connection[0].get()));
}

TEST_F(Uplink, ClosedOneRefusesWithoutASignal) {
  ends[1].reset();
  EXPECT_FALSE(send_connection(ends[0].get(), {1, 2}, connection[0].get()));
}

TEST_F(Uplink, MessageOfTheWrongFormIsAProtocolErrorAndLeaksNothing) {
  const std::array<std::byte, 9> bytes{};
  const auto fd = connection[0].get();
  const auto wrong = [&](std::size_t size, std::vector<int> descriptors) {
    ASSERT_TRUE(
        flow::send_with_descriptors(ends[0].get(), std::span(bytes).first(size), descriptors));
    const auto before = open_descriptors();
    const auto got = receive_connection(ends[1].get());
    ASSERT_FALSE(got);
    EXPECT_EQ(got.error().code(), flow::errc::protocol);
    EXPECT_EQ(open_descriptors(), before);
  };
  wrong(8, {});
  wrong(8, {fd, fd});
  wrong(7, {fd});
  wrong(9, {fd});
  wrong(1, {});
}

TEST_F(Uplink, ConnectorHandsOutOneEndAndKeepsTheOther) {
  flow::device::uplink_connector c(std::move(ends[0]));
  auto ours = c.connect({7, 8});
  ASSERT_TRUE(ours);
  auto theirs = receive_connection(ends[1].get());
  ASSERT_TRUE(theirs);
  EXPECT_EQ(theirs->ports.guest_port, 7U);
  EXPECT_EQ(theirs->ports.host_port, 8U);
  host_socket host(std::move(theirs->socket));
  host.send("x");
  EXPECT_EQ(host_socket(std::move(*ours)).read(), "x");
}

TEST_F(Uplink, ConnectorRefusesWhileItIsFull) {
  flow::device::uplink_connector c(std::move(ends[0]));
  std::vector<flow::unique_fd> kept;
  for (;;) {
    auto one = c.connect({7, 8});
    if (!one) {
      break;
    }
    kept.push_back(std::move(*one));
    ASSERT_LT(kept.size(), 400U);
  }
  ASSERT_TRUE(receive_connection(ends[1].get()));
}

TEST_F(Uplink, EndOfTheUplinkIsNoticed) {
  auto loop = flow::device::event_loop::create();
  ASSERT_TRUE(loop);
  flow::device::uplink_connector c(std::move(ends[0]));
  int ended = 0;
  ASSERT_TRUE(c.start(*loop, [&] { ++ended; }));
  ASSERT_TRUE(loop->run_once(std::chrono::milliseconds(0)));
  EXPECT_EQ(ended, 0);
  ends[1].reset();
  ASSERT_TRUE(loop->run_once(std::chrono::milliseconds(0)));
  ASSERT_TRUE(loop->run_once(std::chrono::milliseconds(0)));
  EXPECT_EQ(ended, 1);
}
