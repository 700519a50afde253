#include "shim/vm/guest_listener.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include "flow/device/uplink.hpp"
#include "flow/listener.hpp"
#include "flow/socket_transport.hpp"

namespace shim {

using flow::awaitable;
using flow::errc;
using flow::error;
using flow::result;
using flow::transport;
using flow::unique_fd;

namespace {

// What a guest on hvsock-vsockd connects to. The device has only this one, so the number means
// nothing.
constexpr std::uint32_t uplink_port = 1024;

class uplink_listener final : public guest_listener {
 public:
  uplink_listener(const flow::asio::any_io_executor& executor, unique_fd uplink, flow::log& log)
      : executor_(executor), uplink_(executor, uplink.release()), log_(log) {}

  std::uint32_t port() const override { return uplink_port; }

  awaitable<result<std::unique_ptr<transport>>> accept() override {
    while (uplink_.is_open()) {
      auto connection = flow::device::receive_connection(uplink_.native_handle());
      if (connection) {
        if (connection.value().ports.host_port == uplink_port) {
          co_return flow::adopt_socket(executor_, std::move(connection.value().socket));
        }
        log_.warning("connection to unused port refused",
                     {{"port", connection.value().ports.host_port}});
      } else if (connection.error().code() == boost::asio::error::would_block) {
        const auto r = co_await uplink_.async_wait(boost::asio::posix::descriptor_base::wait_read,
                                                   flow::as_result);
        if (std::get<0>(r)) {
          break;
        }
      } else {
        co_return connection.error();
      }
    }
    co_return error(errc::aborted, "vsock uplink");
  }

  void close() override {
    flow::error_code ignored;
    uplink_.close(ignored);
  }

 private:
  flow::asio::any_io_executor executor_;
  boost::asio::posix::stream_descriptor uplink_;
  flow::log& log_;
};

// The port is open to every guest of the host and to the host itself; only ours is let in.
class kernel_listener final : public guest_listener {
 public:
  kernel_listener(flow::listener listener, std::uint32_t guest_cid, flow::log& log)
      : listener_(std::move(listener)), guest_cid_(guest_cid), log_(log) {}

  std::uint32_t port() const override { return listener_.local_address().port; }

  awaitable<result<std::unique_ptr<transport>>> accept() override {
    for (;;) {
      auto connection = co_await listener_.accept();
      if (!connection) {
        co_return connection.error();
      }
      if (connection.value().peer.cid == guest_cid_) {
        co_return std::move(connection.value().connection);
      }
      log_.warning("connection from unexpected CID refused",
                   {{"peer", flow::to_string(connection.value().peer)}});
      connection.value().connection->close();
    }
  }

  void close() override { listener_.close(); }

 private:
  flow::listener listener_;
  std::uint32_t guest_cid_;
  flow::log& log_;
};

}  // namespace

std::unique_ptr<guest_listener> listen_at_uplink(const flow::asio::any_io_executor& executor,
                                                 unique_fd uplink, flow::log& log) {
  return std::make_unique<uplink_listener>(executor, std::move(uplink), log);
}

result<std::unique_ptr<guest_listener>> listen_at_kernel(
    const flow::asio::any_io_executor& executor, std::uint32_t guest_cid, flow::log& log) {
  auto listener = flow::listener::vsock(executor, flow::vsock_address());
  if (!listener) {
    return std::move(listener).error();
  }
  return std::unique_ptr<guest_listener>(
      std::make_unique<kernel_listener>(std::move(listener.value()), guest_cid, log));
}

}  // namespace shim
