#include "flow/device/vsock/hybrid_connector.hpp"

#include <fcntl.h>

#include "flow/system/unix_socket.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/device/device_fixture.hpp"

using namespace tests;
using flow::connect_unix;
using flow::listen_unix;
using flow::device::parse_connect_command;

namespace {

// The device with the hybrid form in front of it.
class Hybrid : public ::testing::Test {
 protected:
  explicit Hybrid(flow::device::event_loop::clock::duration patience = std::chrono::hours(1))
      : path(directory / "v.sock"), connector(path, make_listener(), log) {
    auto ends = socket_pair();
    backend = std::make_unique<flow::device::vhost_user_backend>(
        loop, log, device, cid, std::move(ends[0]), [](const std::optional<flow::error>&) {});
    if (!backend->start() || !connector.start(loop, device, patience)) {
      throw std::runtime_error("start");
    }
    loop.set_work([this] { return device.run(); });
    guest = std::make_unique<fake_guest>(std::move(ends[1]), [this] {
      static_cast<void>(loop.run_once(std::chrono::milliseconds(0)));
    });
    kernel = std::make_unique<guest_kernel>(*guest);
    guest->boot();
  }

  flow::unique_fd make_listener() const {
    auto made = listen_unix(path);
    if (!made) {
      throw std::runtime_error(made.error().message());
    }
    return std::move(*made);
  }

  host_socket client() {
    auto fd = connect_unix(path);
    if (!fd) {
      throw std::runtime_error(fd.error().message());
    }
    return host_socket(std::move(*fd));
  }

  std::string read(host_socket& s, std::size_t size) {
    std::string text;
    EXPECT_TRUE(kernel->until([&] {
      text += s.read(size - text.size());
      return text.size() >= size || s.over();
    }));
    return text;
  }

  bool refused(host_socket& s) { return read(s, 1).empty() && s.over(); }

  static constexpr std::uint64_t cid = 42;
  temporary_directory directory;
  std::string path;
  flow::unique_fd null{::open("/dev/null", O_WRONLY | O_CLOEXEC)};
  flow::log log{null.get()};
  flow::device::event_loop loop = *flow::device::event_loop::create();
  flow::device::hybrid_connector connector;
  flow::device::vsock_device device{loop, log, connector, cid, 1000};
  std::unique_ptr<flow::device::vhost_user_backend> backend;
  std::unique_ptr<fake_guest> guest;
  std::unique_ptr<guest_kernel> kernel;
};

}  // namespace

TEST_F(Hybrid, GuestConnectsToTheSocketOfItsPort) {
  auto listener = listen_unix(path + "_80");
  ASSERT_TRUE(listener);
  guest_socket s(*kernel, 1000, 80);
  ASSERT_TRUE(s.connect());
  auto accepted = flow::accept_unix(listener->get());
  ASSERT_TRUE(accepted);
  host_socket host(std::move(*accepted));
  ASSERT_TRUE(s.send("hello"));
  EXPECT_EQ(read(host, 5), "hello");
  host.send("world");
  EXPECT_TRUE(kernel->until([&] { return s.received() == "world"; }));
}

TEST_F(Hybrid, PortWithoutListenerIsRefused) {
  guest_socket s(*kernel, 1000, 81);
  EXPECT_FALSE(s.connect());
}

TEST_F(Hybrid, PortWithoutListenerButWithItsSocketIsRefused) {
  {
    auto listener = listen_unix(path + "_80");
  }
  guest_socket s(*kernel, 1000, 80);
  EXPECT_FALSE(s.connect());
}

TEST_F(Hybrid, FullBacklogIsARefusalNotAWait) {
  auto listener = listen_unix(path + "_80");
  ASSERT_TRUE(listener);
  std::vector<std::unique_ptr<guest_socket>> sockets;
  bool refused_one = false;
  for (std::uint32_t i = 0; i < 200 && !refused_one; ++i) {
    sockets.push_back(std::make_unique<guest_socket>(*kernel, 1000 + i, 80));
    refused_one = !sockets.back()->connect();
  }
  EXPECT_TRUE(refused_one);
}

TEST_F(Hybrid, ClientConnectsToTheGuest) {
  auto c = client();
  c.send("CONNECT 22\n");
  const auto request = guest->expect(VIRTIO_VSOCK_OP_REQUEST);
  EXPECT_EQ(request.header.dst_port, 22U);
  guest_socket s(*kernel, 22, request.header.src_port);
  s.accept(request);
  const auto answer = "OK " + std::to_string(request.header.src_port) + "\n";
  EXPECT_EQ(read(c, answer.size()), answer);
  c.send("ping");
  EXPECT_TRUE(kernel->until([&] { return s.received() == "ping"; }));
  ASSERT_TRUE(s.send("pong"));
  EXPECT_EQ(read(c, 4), "pong");
}

TEST_F(Hybrid, BytesBehindTheCommandAreTheStreams) {
  auto c = client();
  c.send("CONNECT 22\nand more\n");
  const auto request = guest->expect(VIRTIO_VSOCK_OP_REQUEST);
  guest_socket s(*kernel, 22, request.header.src_port);
  s.accept(request);
  EXPECT_TRUE(kernel->until([&] { return s.received() == "and more\n"; }));
}

TEST_F(Hybrid, CommandMayComeInPieces) {
  auto c = client();
  for (const char byte : std::string("CONNECT 4294967295\n")) {
    c.send(std::string(1, byte));
    guest->turn();
  }
  EXPECT_EQ(guest->expect(VIRTIO_VSOCK_OP_REQUEST).header.dst_port, 4294967295U);
}

TEST_F(Hybrid, TwoClientsOfOnePortGetDifferentHostPorts) {
  auto a = client();
  auto b = client();
  a.send("CONNECT 22\n");
  b.send("CONNECT 22\n");
  const auto first = guest->expect(VIRTIO_VSOCK_OP_REQUEST);
  const auto second = guest->expect(VIRTIO_VSOCK_OP_REQUEST);
  EXPECT_NE(first.header.src_port, second.header.src_port);
}

TEST_F(Hybrid, RefusedByTheGuestIsClosedWithoutAWord) {
  auto c = client();
  c.send("CONNECT 22\n");
  const auto request = guest->expect(VIRTIO_VSOCK_OP_REQUEST);
  guest->transmit(guest->header(VIRTIO_VSOCK_OP_RST, 22, request.header.src_port));
  EXPECT_TRUE(refused(c));
}

TEST_F(Hybrid, WrongCommandsAreClosed) {
  for (const char* text :
       {"\n", "CONNECT\n", "CONNECT \n", "CONNECT x\n", "connect 22\n", "CONNECT 22 \n",
        "CONNECT 22\r\n", "CONNECT  22\n", "CONNECT -1\n", "CONNECT 4294967296\n", "GET / HTTP/1\n",
        "CONNECT 0000000000000000000000000022\n"}) {
    auto c = client();
    c.send(text);
    EXPECT_TRUE(refused(c)) << text;
  }
  EXPECT_FALSE(guest->receive());
}

TEST_F(Hybrid, ClientThatLeavesEarlyIsForgotten) {
  auto c = client();
  c.send("CONN");
  kernel->turn();
  c.close();
  auto d = client();
  d.send("CONNECT 22\n");
  d.close();
  guest->settle();
  EXPECT_EQ(device.connections(), 0U);
}

TEST_F(Hybrid, HalfACommandAndTheEndIsRefused) {
  auto c = client();
  c.send("CONNECT 2");
  c.shutdown_write();
  EXPECT_TRUE(refused(c));
}

TEST_F(Hybrid, MoreSilentClientsThanThereIsPlaceForDelayTheOthersOnly) {
  std::vector<host_socket> silent;
  silent.reserve(flow::device::max_handshakes);
  for (std::size_t i = 0; i < flow::device::max_handshakes; ++i) {
    silent.push_back(client());
  }
  guest->settle();
  auto c = client();
  c.send("CONNECT 22\n");
  guest->settle();
  EXPECT_FALSE(guest->receive());
  silent.front().close();
  EXPECT_EQ(guest->expect(VIRTIO_VSOCK_OP_REQUEST).header.dst_port, 22U);
}

TEST_F(Hybrid, ClientIsRefusedWhileTheGuestHasNoDriver) {
  guest->stop();
  auto c = client();
  c.send("CONNECT 22\n");
  EXPECT_TRUE(refused(c));
}

namespace {

class ImpatientHybrid : public Hybrid {
 protected:
  ImpatientHybrid() : Hybrid(std::chrono::milliseconds(20)) {}
};

}  // namespace

TEST_F(ImpatientHybrid, ClientThatSaysNothingIsClosed) {
  auto c = client();
  // Waits without a limit: only the deadline can end this.
  for (c.read(); !c.over(); c.read()) {
    ASSERT_TRUE(loop.run_once());
  }
  EXPECT_TRUE(c.end_of_file());
}

TEST(HybridCommand, IsOneDecimalPort) {
  EXPECT_EQ(*parse_connect_command("CONNECT 0"), 0U);
  EXPECT_EQ(*parse_connect_command("CONNECT 4294967295"), 4294967295U);
  EXPECT_FALSE(parse_connect_command(""));
  EXPECT_FALSE(parse_connect_command("CONNECT"));
  EXPECT_FALSE(parse_connect_command("CONNECT 0x10"));
  EXPECT_FALSE(parse_connect_command("CONNECT +1"));
}

TEST(DevicePatience, GuestThatDoesNotAnswerARequestLosesTheConnection) {
  device_under_test d;
  d.guest->boot();
  auto ends = socket_pair();
  ASSERT_TRUE(d.device.connect_guest(22, std::move(ends[1]), std::chrono::milliseconds(20)));
  d.guest->expect(VIRTIO_VSOCK_OP_REQUEST);
  host_socket c(std::move(ends[0]));
  for (c.read(); !c.over(); c.read()) {
    ASSERT_TRUE(d.loop.run_once());
  }
  EXPECT_EQ(d.device.connections(), 0U);
  d.guest->expect(VIRTIO_VSOCK_OP_RST);
}

TEST(UnixSocket, PathsThatDoNotFitAreRefused) {
  EXPECT_FALSE(listen_unix(""));
  EXPECT_FALSE(listen_unix(std::string(108, 'x')));
  EXPECT_FALSE(connect_unix(std::string(500, 'x')));
}
