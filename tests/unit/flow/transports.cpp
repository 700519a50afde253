#include "tests/unit/flow/transports.hpp"

#include <boost/asio/this_coro.hpp>
#include <filesystem>

#include "flow/connect.hpp"
#include "flow/socket_transport.hpp"
#include "flow/testing/memory_transport.hpp"
#include "tests/unit/flow/stream_fixture.hpp"

namespace tests {

using namespace std::chrono_literals;
namespace asio = boost::asio;
using flow::listener;
using flow::unique_fd;
using flow::vsock_address;

std::pair<unique_fd, unique_fd> connected_pair(int type) {
  int fds[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
  return {unique_fd(fds[0]), unique_fd(fds[1])};
}

awaitable<std::string> answer_hybrid(listener& l, std::string reply,
                                     std::unique_ptr<flow::transport>* connection) {
  auto incoming = co_await l.accept();
  auto& t = *incoming->connection;
  std::string command;
  while (!command.ends_with('\n')) {
    char c = 0;
    const iovec one{&c, 1};
    flow::error_code ec;
    if (t.read_some({&one, 1}, ec) == 1) {
      command += c;
    } else {
      co_await asio::post(t.get_executor(), asio::use_awaitable);
    }
  }
  const iovec whole{reply.data(), reply.size()};
  flow::error_code ec;
  if (!reply.empty()) {
    t.write_some({&whole, 1}, ec);
  }
  if (connection != nullptr) {
    *connection = std::move(incoming->connection);
  }
  co_return command;
}

namespace {

awaitable<void> try_vsock_loopback(asio::any_io_executor executor, std::string& failure) {
  auto l = listener::vsock(executor, {});
  if (!l) {
    failure = l.error().message();
    co_return;
  }
  const vsock_address address{vsock_address::local, l->local_address().port};
  const auto connected = co_await flow::connect_vsock(executor, address, 200ms);
  if (!connected) {
    failure = connected.error().message();
  }
}

awaitable<transport_pair> connect_hybrid_pair(asio::any_io_executor executor) {
  const temporary_directory dir;
  auto l = listener::unix_socket(executor, dir / "vm");
  transport_pair p;
  started answering(executor, answer_hybrid(*l, "OK 1073741824\n", &p.second));
  auto connected = co_await flow::connect_hybrid(executor, dir / "vm", 1024, 1h);
  co_await answering.wait();
  p.first = std::move(connected.value());
  co_return p;
}

awaitable<transport_pair> connect_vsock_pair(asio::any_io_executor executor) {
  auto l = listener::vsock(executor, {});
  const vsock_address address{vsock_address::local, l->local_address().port};
  started accepting(executor, l->accept());
  auto connected = co_await flow::connect_vsock(executor, address, 1h);
  co_await accepting.wait();
  co_return transport_pair{std::move(connected.value()), std::move((*accepting)->connection)};
}

}  // namespace

std::string why_no_vsock_loopback() {
  std::string reason;
  co_test([&reason](asio::any_io_executor executor) {
    return try_vsock_loopback(std::move(executor), reason);
  });
  return reason;
}

awaitable<transport_pair> connect_pair(transport_kind kind) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  if (kind == transport_kind::hybrid) {
    co_return co_await connect_hybrid_pair(executor);
  }
  if (kind == transport_kind::vsock) {
    co_return co_await connect_vsock_pair(executor);
  }
  if (kind == transport_kind::unix) {
    auto [first, second] = connected_pair();
    co_return transport_pair{flow::adopt_socket(executor, std::move(first)).value(),
                             flow::adopt_socket(executor, std::move(second)).value()};
  }
  flow::testing::memory_link link(executor);
  co_return transport_pair{link.first(), link.second()};
}

}  // namespace tests
