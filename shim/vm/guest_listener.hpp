// Where a guest's connections arrive: at the kernel's vsock, or handed over by hvsock-vsockd.
#pragma once

#include <cstdint>
#include <memory>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/system/log.hpp"
#include "flow/transport.hpp"
#include "flow/unique_fd.hpp"

namespace shim {

class guest_listener {
 public:
  guest_listener() = default;
  guest_listener(const guest_listener&) = delete;
  guest_listener& operator=(const guest_listener&) = delete;
  virtual ~guest_listener() = default;

  // The port of CID 2 that the guest is to connect to.
  virtual std::uint32_t port() const = 0;

  // The next connection of this guest; others are closed. An error: there will be no more.
  virtual flow::awaitable<flow::result<std::unique_ptr<flow::transport>>> accept() = 0;

  virtual void close() = 0;
};

// `uplink` is our end of hvsock-vsockd's uplink (flow/device/uplink.hpp).
std::unique_ptr<guest_listener> listen_at_uplink(const flow::asio::any_io_executor& executor,
                                                 flow::unique_fd uplink, flow::log& log);

// A port of its own of the host's vsock, for the guest that has `guest_cid`.
flow::result<std::unique_ptr<guest_listener>> listen_at_kernel(
    const flow::asio::any_io_executor& executor, std::uint32_t guest_cid, flow::log& log);

}  // namespace shim
