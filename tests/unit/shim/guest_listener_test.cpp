#include "shim/vm/guest_listener.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "flow/device/uplink.hpp"
#include "flow/task_group.hpp"
#include "tests/support/co_test.hpp"
#include "tests/support/settle.hpp"

using flow::awaitable;
using flow::errc;
using flow::unique_fd;
using tests::co_test;
using tests::settle;

namespace {

using accepted = flow::result<std::unique_ptr<flow::transport>>;

struct uplink_bench {
  explicit uplink_bench(boost::asio::any_io_executor executor) : log(-1) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()),
              0);
    device.reset(ends[0]);
    listener = shim::listen_at_uplink(executor, unique_fd(ends[1]), log);
  }

  // The guest connects to `port`: its end.
  unique_fd connect(std::uint32_t port) const {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()), 0);
    unique_fd ours(ends[0]);
    const unique_fd theirs(ends[1]);
    EXPECT_TRUE(flow::device::send_connection(device.get(), {1, port}, theirs.get()));
    return ours;
  }

  flow::log log;
  unique_fd device;
  std::unique_ptr<shim::guest_listener> listener;
};

awaitable<void> keep_accepted(shim::guest_listener& from, std::optional<accepted>& to) {
  to = co_await from.accept();
}

}  // namespace

TEST(UplinkListener, ConnectionsOfTheGuestArriveInOrder) {
  co_test([](auto executor) -> awaitable<void> {
    const uplink_bench b(executor);
    for (const char* text : {"a", "b"}) {
      const auto guest = b.connect(b.listener->port());
      EXPECT_EQ(::write(guest.get(), text, 1), 1);
      const auto connection = co_await b.listener->accept();
      EXPECT_TRUE(connection);
      char got = 0;
      const iovec part{&got, 1};
      flow::error_code ec;
      EXPECT_EQ(connection.value()->read_some({&part, 1}, ec), 1U);
      EXPECT_EQ(got, text[0]);
    }
  });
}

TEST(UplinkListener, ConnectionToAnotherPortIsClosed) {
  co_test([](auto executor) -> awaitable<void> {
    const uplink_bench b(executor);
    const auto stray = b.connect(b.listener->port() + 1);
    const auto guest = b.connect(b.listener->port());
    const auto connection = co_await b.listener->accept();
    EXPECT_TRUE(connection);
    char got = 0;
    EXPECT_EQ(::read(stray.get(), &got, 1), 0) << "its end";
  });
}

TEST(UplinkListener, EndOfTheDeviceEndsTheAcceptThatWaits) {
  co_test([](auto executor) -> awaitable<void> {
    uplink_bench b(executor);
    std::optional<accepted> got;
    flow::task_group tasks(executor, [](const std::string&, const std::exception_ptr&) {});
    tasks.spawn("accept", keep_accepted(*b.listener, got));
    co_await settle(executor);
    EXPECT_FALSE(got);
    b.device.reset();
    co_await tasks.join();
    EXPECT_FALSE(*got);
  });
}

TEST(UplinkListener, InvalidMessageEndsTheListening) {
  co_test([](auto executor) -> awaitable<void> {
    const uplink_bench b(executor);
    EXPECT_EQ(::send(b.device.get(), "what", 4, 0), 4);
    const auto connection = co_await b.listener->accept();
    EXPECT_EQ(connection.error().code(), flow::error_code(errc::protocol));
  });
}

TEST(UplinkListener, CloseEndsTheAcceptThatWaits) {
  co_test([](auto executor) -> awaitable<void> {
    const uplink_bench b(executor);
    std::optional<accepted> got;
    flow::task_group tasks(executor, [](const std::string&, const std::exception_ptr&) {});
    tasks.spawn("accept", keep_accepted(*b.listener, got));
    co_await settle(executor);
    b.listener->close();
    co_await tasks.join();
    EXPECT_EQ(got->error().code(), flow::error_code(errc::aborted));
    const auto later = co_await b.listener->accept();
    EXPECT_EQ(later.error().code(), flow::error_code(errc::aborted));
  });
}
