// Passes the guest's connections through the uplink to the process that started us (uplink.hpp).
#pragma once

#include <functional>

#include "flow/device/event_loop.hpp"
#include "flow/device/vsock/connector.hpp"

namespace flow::device {

class uplink_connector final : public connector {
 public:
  // `uplink` is a connected seqpacket socket.
  explicit uplink_connector(unique_fd uplink) : uplink_(std::move(uplink)) {}

  // Calls `on_end` once, when the other end has closed or sent anything.
  result<> start(event_loop& loop, std::function<void()> on_end);

  result<unique_fd> connect(const connection_key& key) override;
  void accepted(const connection_key& key, int socket) override;

 private:
  unique_fd uplink_;
  event_loop::watch watch_;
};

}  // namespace flow::device
