// What one connection may cost. The message length is fixed by the protocol, see frame.hpp.
#pragma once

#include <chrono>
#include <cstddef>

namespace ttrpc {

struct limits {
  limits() = default;

  // Bytes waiting to be sent above which a server reads no further requests from that connection,
  // and above which writers of streams wait. A peer that stops reading harms only itself.
  std::size_t queued_bytes = std::size_t{1} << 20U;

  // Handlers of one connection that may run at once; more is answered with resource_exhausted.
  // A client waits on hundreds of processes through one connection, so this is generous.
  std::size_t calls = 4096;

  // What a stream holds for a reader that lags behind. ttrpc has no flow control per stream: when
  // a stream is full the whole connection waits, for `stream_stall`, then that stream fails.
  // The values are those of containerd's own implementation, with a bound in bytes added.
  std::size_t stream_messages = 64;
  std::size_t stream_bytes = std::size_t{1} << 20U;
  std::chrono::milliseconds stream_stall = std::chrono::seconds(1);
};

}  // namespace ttrpc
