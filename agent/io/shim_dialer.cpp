#include "agent/io/shim_dialer.hpp"

#include <linux/vm_sockets.h>

#include "flow/connect.hpp"
#include "flow/frame.hpp"

namespace agent {

using flow::awaitable;
using flow::result;
using flow::stream;
using clock = std::chrono::steady_clock;

namespace {

constexpr auto retry_after = std::chrono::milliseconds(20);
constexpr auto connect_deadline = std::chrono::seconds(10);

}  // namespace

shim_dialer::shim_dialer(flow::asio::any_io_executor executor, dialer dial)
    : executor_(std::move(executor)), dial_(std::move(dial)) {}

shim_dialer::dialer shim_dialer::vsock_dialer(flow::asio::any_io_executor executor,
                                              std::uint32_t port) {
  const flow::vsock_address address{.cid = VMADDR_CID_HOST, .port = port};
  return [executor = std::move(executor), address] {
    return flow::connect_vsock(executor, address, connect_deadline);
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

awaitable<result<stream>> shim_dialer::connect_control(clock::duration deadline) {
  const auto limit = clock::now() + deadline;
  for (;;) {
    auto connected = co_await connect();
    if (connected || clock::now() >= limit) {
      co_return connected;
    }
    flow::asio::steady_timer pause(executor_, retry_after);
    co_await pause.async_wait(flow::as_result);
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
