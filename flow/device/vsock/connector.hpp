// Where the guest's connections lead on the host: the uplink, or the hybrid form's unix sockets.
#pragma once

#include "flow/device/vsock/packet.hpp"
#include "flow/error.hpp"
#include "flow/unique_fd.hpp"

namespace flow::device {

class connector {
 public:
  virtual ~connector() = default;

  // The guest asks for `key.host_port`. Returns a connected non-blocking stream socket, or an error
  // and the guest is refused. Never blocks.
  virtual result<unique_fd> connect(const connection_key& key) = 0;

  // The guest has accepted a connection that began on the host; `socket` is borrowed, and nothing
  // from the guest has been written to it yet.
  virtual void accepted(const connection_key& key, int socket) = 0;
};

}  // namespace flow::device
