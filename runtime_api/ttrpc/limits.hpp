// Every deadline and bound of ttrpc, and so the cost of one connection. The protocol fixes the
// length of a message; that is beside its format, in frame.hpp.
#pragma once

#include <chrono>
#include <cstddef>

namespace ttrpc {

// Limits that the owner of a client or server may choose.
struct limits {
  limits() = default;

  // Bytes waiting to be sent above which a server reads no further requests from that connection,
  // and writers of streams wait. A peer that stops reading harms only itself. At least 1; below a
  // message's size (4 MiB) writers take turns, message by message.
  std::size_t queued_bytes = std::size_t{1} << 20U;

  // Handlers of one connection that may run at once; further requests are answered with
  // resource_exhausted. A client waits for hundreds of processes through one connection, so this is
  // generous. At least 1.
  std::size_t calls = 4096;

  // Messages and bytes that a stream holds for a slow reader. ttrpc has no flow control per stream:
  // when a stream is full, the whole connection waits for `stream_stall`, then that stream fails.
  // The values are those of containerd's own implementation, plus a bound in bytes. At least 1
  // each; 0 s fails a stream as soon as it is full.
  std::size_t stream_messages = 64;
  std::size_t stream_bytes = std::size_t{1} << 20U;
  std::chrono::milliseconds stream_stall = std::chrono::seconds(1);
};

// Bytes of storage that a message gets before its first byte arrives, doubled as it fills:
// announcing 4 MiB and sending nothing must not cost 4 MiB. At least 1.
inline constexpr std::size_t first_storage = std::size_t{64} << 10U;

// Frames in one write, at most IOV_MAX (1024). More cost stack, fewer cost system calls.
inline constexpr std::size_t frames_per_write = 16;

// Bytes of the text of a status; the rest is cut off. Longer texts are not useful, and a status
// must fit into a message (4 MiB) whatever the error contains.
inline constexpr std::size_t max_status_message = std::size_t{16} << 10U;

// A longer timeout of a call is reduced to this, so that the deadline does not overflow the clock.
// At most about 200 years.
inline constexpr std::chrono::nanoseconds longest_timeout = std::chrono::hours(24 * 365);

// The pause in accepting after a failure, usually a shortage of descriptors or memory. Above 0, or
// the shortage becomes a busy loop; clients wait in the backlog meanwhile.
inline constexpr std::chrono::milliseconds accept_pause{100};

}  // namespace ttrpc
