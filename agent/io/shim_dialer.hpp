// Connections from the guest to its shim. The guest only dials; it never listens, because vsock has
// no namespaces and any process of a container could connect to a listener.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "flow/asio.hpp"
#include "flow/clock.hpp"
#include "flow/event.hpp"
#include "flow/stream.hpp"
#include "flow/transport.hpp"

namespace agent {

class shim_dialer {
 public:
  // One attempt at a connection to the shim.
  using dialer = std::function<flow::awaitable<flow::result<std::unique_ptr<flow::transport>>>()>;

  shim_dialer(flow::asio::any_io_executor executor, dialer dial);

  // To `port` of CID 2, where the shim waits.
  static dialer vsock_dialer(flow::asio::any_io_executor executor, std::uint32_t port);

  // The control connection: the first that the shim accepts. Retries until `deadline` is over,
  // since the host's end of the device may come up after the guest; the last attempt's error then.
  flow::awaitable<flow::result<flow::stream>> connect_control(flow::clock::duration deadline);

  // A stream of a process: presents `token`, of guest_contract::token_size bytes, which
  // the shim issued for it.
  flow::awaitable<flow::result<flow::stream>> connect_stream(std::string token);

 private:
  flow::awaitable<flow::result<flow::stream>> connect();

  flow::event never_;  // for its clock, between attempts
  dialer dial_;
};

}  // namespace agent
