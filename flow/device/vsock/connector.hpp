// The host's end of the guest's connections: the uplink, or the unix sockets of the hybrid form.
#pragma once

#include "flow/device/vsock/packet.hpp"
#include "flow/error.hpp"
#include "flow/unique_fd.hpp"

namespace flow::device {

class connector {
 public:
  virtual ~connector() = default;

  // The guest connects to `key.host_port`. Returns a connected non-blocking stream socket, or an
  // error, in which case the guest is refused. Never blocks.
  virtual result<unique_fd> connect(const connection_key& key) = 0;

  // The guest has accepted a connection that began on the host; `socket` is borrowed, and nothing
  // from the guest has been written to it yet.
  virtual void accepted(const connection_key& key, int socket) = 0;
};

}  // namespace flow::device
