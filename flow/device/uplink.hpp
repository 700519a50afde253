// The uplink: hvsock-vsockd passes the guest's connections over it to the process that started it.
//
// One connected AF_UNIX SOCK_SEQPACKET pair. For every connection that the guest opens to the host,
// the device creates a stream socket pair, keeps one end and sends the other as one message:
//
//   message := guest_port: uint32 host_port: uint32     native byte order, 8 bytes
//   control := SCM_RIGHTS, exactly one descriptor: AF_UNIX SOCK_STREAM, non-blocking
//
// Nothing is sent in the other direction; the receiver refuses a connection by closing it. When the
// uplink ends, hvsock-vsockd exits.
#pragma once

#include <cstdint>

#include "flow/error.hpp"
#include "flow/unique_fd.hpp"

namespace flow::device {

struct uplink_message {
  std::uint32_t guest_port;  // the port the guest's socket is bound to
  std::uint32_t host_port;   // the port of CID 2 that it connected to
};

// A connection of the guest, as received.
struct uplink_connection {
  uplink_message ports;
  unique_fd socket;
};

// Sends `message` with a duplicate of `socket`, which is borrowed. Never blocks: a full or closed
// uplink is an error, and the connection must be refused.
result<> send_connection(int uplink, const uplink_message& message, int socket);

// Takes the next connection, whose descriptor is close-on-exec. Never blocks: would_block if there
// is none. asio::error::eof if the device has exited; errc::protocol if a message is malformed, in
// which case every descriptor that came with it is closed.
result<uplink_connection> receive_connection(int uplink);

}  // namespace flow::device
