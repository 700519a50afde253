// Connecting to and listening at addresses of every kind.
#include "flow/endpoint.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <filesystem>

#include "tests/support/temporary_directory.hpp"
#include "tests/unit/flow/stream_fixture.hpp"

using namespace std::chrono_literals;
using namespace tests;
namespace asio = boost::asio;
using flow::parse_address;

namespace {

using transport_ptr = std::unique_ptr<flow::transport>;

flow::address address(const std::string& uri) {
  return *parse_address(uri);
}

awaitable<void> expect_exchange(transport_ptr first, transport_ptr second) {
  stream a(std::move(first));
  stream b(std::move(second));
  const auto failure = co_await write_error(a, "across");
  EXPECT_EQ(failure, flow::error_code());
  const auto shut = co_await a.shutdown_write();
  EXPECT_TRUE(shut);
  flow::error_code ending;
  const auto got = co_await read_to_end(b, &ending);
  EXPECT_EQ(got, "across");
  EXPECT_EQ(ending, asio::error::eof);
}

// The data received at one address when the other connects to it.
awaitable<void> expect_connection(std::string listen_at, std::string connect_to) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  const auto at = address(listen_at);
  auto l = flow::listen(executor, at);
  EXPECT_TRUE(l) << l.error().message();
  started accepting(executor, l->accept());
  const auto to = address(connect_to);
  auto there = co_await flow::connect(executor, to, 1h);
  EXPECT_TRUE(there) << there.error().message();
  co_await accepting.wait();
  co_await expect_exchange(std::move(*there), std::move((*accepting)->connection));
}

std::string text_of(flow::transport& t) {
  std::string text(64, '\0');
  const iovec whole{text.data(), text.size()};
  flow::error_code ec;
  text.resize(t.read_some({&whole, 1}, ec));
  return text;
}

flow::error_code refusal(const flow::result<transport_ptr>& r) {
  return r ? flow::error_code() : r.error().code();
}

}  // namespace

TEST(Endpoint, UnixSocketsByAddress) {
  co_test([](auto) -> awaitable<void> {
    const temporary_directory dir;
    co_await expect_connection("unix://" + (dir / "s"), "unix://" + (dir / "s"));
    EXPECT_FALSE(std::filesystem::exists(dir / "s"));
  });
}

TEST(Endpoint, HybridListenerIsTheSocketOfThePort) {
  co_test([](auto) -> awaitable<void> {
    const temporary_directory dir;
    co_await expect_connection("hybrid://" + (dir / "v") + ":80", "unix://" + (dir / "v_80"));
  });
}

TEST(Endpoint, HybridConnectSaysThePort) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory dir;
    const auto at = address("unix://" + (dir / "v"));
    auto l = flow::listen(executor, at);
    const auto to = address("hybrid://" + (dir / "v") + ":80");
    started connecting(executor, flow::connect(executor, to, 1h));
    auto there = co_await l->accept();
    co_await turns(executor);
    EXPECT_EQ(text_of(*there->connection), "CONNECT 80\n");
    there->connection->close();
    co_await connecting.wait();
    EXPECT_EQ(refusal(*connecting), errc::unavailable);
  });
}

TEST(Endpoint, HyperkitConnectSaysThePortAndAwaitsNoAnswer) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory dir;
    const auto at = address("unix://" + (dir / "connect"));
    auto l = flow::listen(executor, at);
    started accepting(executor, l->accept());
    const auto to = address("hyperkit://:0x1234" + dir.path());
    auto here = co_await flow::connect(executor, to, 1h);
    EXPECT_TRUE(here) << here.error().message();
    co_await accepting.wait();
    EXPECT_EQ(text_of(*(*accepting)->connection), "00000003.00001234\n");
    co_await expect_exchange(std::move(*here), std::move((*accepting)->connection));
  });
}

TEST(Endpoint, HyperkitListenerIsTheHostsSocketOfThePort) {
  co_test([](auto) -> awaitable<void> {
    const temporary_directory dir;
    co_await expect_connection("hyperkit://:80" + dir.path(),
                               "unix://" + (dir / "00000002.00000050"));
  });
}

TEST(Endpoint, DescriptorsAreTakenOver) {
  co_test([](auto executor) -> awaitable<void> {
    int fds[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    const auto first = address("fd://" + std::to_string(fds[0]));
    auto a = co_await flow::connect(executor, first, 1h);
    EXPECT_TRUE(a) << a.error().message();
    const auto second = address("fd://" + std::to_string(fds[1]));
    auto b = co_await flow::connect(executor, second, 1h);
    EXPECT_TRUE(b);
    co_await expect_exchange(std::move(*a), std::move(*b));
    EXPECT_LT(::fcntl(fds[0], F_GETFD), 0);
    const auto gone = co_await flow::connect(executor, first, 1h);
    EXPECT_EQ(refusal(gone).value(), EBADF);
  });
}

TEST(Endpoint, AListeningDescriptorIsListenedOn) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory dir;
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_storage name{};
    name.ss_family = AF_UNIX;
    (dir / "s").copy(reinterpret_cast<char*>(&name) + sizeof(name.ss_family), 100);
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&name), 110), 0);
    EXPECT_EQ(::listen(fd, 1), 0);
    co_await expect_connection("fd://" + std::to_string(fd), "unix://" + (dir / "s"));
    EXPECT_TRUE(std::filesystem::exists(dir / "s")) << "whoever created it removes it";
    const int connected = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto refused = flow::listen(executor, flow::descriptor_address{connected});
    EXPECT_EQ(refused.error().code(), errc::invalid_argument);
  });
}

TEST(Endpoint, WhatCannotBeReachedIsRefusedByName) {
  co_test([](auto executor) -> awaitable<void> {
    const flow::address anywhere = flow::vsock_address{flow::vsock_address::any, 1};
    const auto to_any = co_await flow::connect(executor, anywhere, 1h);
    EXPECT_EQ(refusal(to_any), errc::invalid_argument);
    const auto machine = address("hvsock://name/00000050-FACB-11E6-BD58-64006A7986D3");
    const auto to_name = co_await flow::connect(executor, machine, 1h);
    EXPECT_EQ(refusal(to_name), errc::unsupported);
    const auto at_name = flow::listen(executor, machine);
    EXPECT_EQ(at_name.error().code(), errc::unsupported);
    const flow::address nowhere = flow::unix_address{"/nonexistent/s"};
    const auto to_nowhere = co_await flow::connect(executor, nowhere, 1h);
    EXPECT_NE(to_nowhere.error().message().find("/nonexistent/s"), std::string::npos);
  });
}

TEST(Endpoint, HvsockIsVsockOnLinux) {
  co_test([](auto executor) -> awaitable<void> {
    const auto chosen = flow::listen(executor, flow::vsock_address());
    if (!chosen) {
      co_return;  // no AF_VSOCK here
    }
    const auto port = chosen->local_address().port;
    const flow::address same =
        flow::hyperv_address{flow::hyperv_wildcard, flow::service_of_port(port & 0x7fffffffU)};
    const auto taken = flow::listen(executor, same);
    EXPECT_EQ(taken.error().code().value(), EADDRINUSE) << taken.error().message();
  });
}

TEST(LocalCid, IsANumberOrAnErrorThatNamesTheDevice) {
  const auto cid = flow::local_cid();
  if (!cid) {
    EXPECT_NE(cid.error().message().find("/dev/vsock"), std::string::npos);
  }
}
