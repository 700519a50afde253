#include "agent/io/shim_dialer.hpp"

#include <linux/vm_sockets.h>

#include "agent/limits.hpp"
#include "flow/connect.hpp"
#include "flow/frame.hpp"

namespace agent {

using flow::awaitable;
using flow::result;
using flow::stream;

shim_dialer::shim_dialer(flow::asio::any_io_executor executor, dialer dial)
    : never_(std::move(executor)), dial_(std::move(dial)) {}

shim_dialer::dialer shim_dialer::vsock_dialer(flow::asio::any_io_executor executor,
                                              std::uint32_t port) {
  const flow::vsock_address address{.cid = VMADDR_CID_HOST, .port = port};
  return [executor = std::move(executor), address] {
    return flow::connect_vsock(executor, address, limits::connect);
  };
}

awaitable<result<stream>> shim_dialer::connect() {
  auto connected = co_await dial_();
  if (!connected) {
    co_return connected.error();
  }
  // Both ends are ours: frames as large as a virtio packet carries.
  flow::stream::options options;
  options.max_payload = flow::agreed_max_payload;
  co_return stream(std::move(connected.value()), options);
}

awaitable<result<stream>> shim_dialer::connect_control(flow::clock::duration deadline) {
  const auto& clock = never_.time();
  const auto limit = clock.now() + deadline;
  for (;;) {
    auto connected = co_await connect();
    if (connected || clock.now() >= limit) {
      co_return connected;
    }
    const auto never = [] { return false; };
    co_await never_.wait_for(limits::connect_retry, never);
  }
}

awaitable<result<stream>> shim_dialer::connect_stream(std::string token) {
  auto connected = co_await connect();
  if (!connected) {
    co_return connected.error();
  }
  const auto sent = co_await connected.value().write(flow::asio::buffer(token));
  if (!sent) {
    co_return sent.error();
  }
  co_return std::move(connected.value());
}

}  // namespace agent
