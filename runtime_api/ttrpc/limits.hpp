// Every deadline and bound of ttrpc: what one connection may cost. The length of a message is fixed
// by the protocol and stands beside its format, in frame.hpp.
#pragma once

#include <chrono>
#include <cstddef>

namespace ttrpc {

// Those that the owner of a client or server may choose.
struct limits {
  limits() = default;

  // Bytes waiting to be sent above which a server reads no further requests from that connection,
  // and above which writers of streams wait. A peer that stops reading harms only itself. At least
  // 1; below a message's size (4 MiB) writers take turns, message by message.
  std::size_t queued_bytes = std::size_t{1} << 20U;

  // Handlers of one connection that may run at once; more is answered with resource_exhausted.
  // A client waits on hundreds of processes through one connection, so this is generous. At least
  // 1.
  std::size_t calls = 4096;

  // What a stream holds for a reader that lags behind. ttrpc has no flow control per stream: when
  // a stream is full the whole connection waits, for `stream_stall`, then that stream fails.
  // The values are those of containerd's own implementation, with a bound in bytes added. At least
  // 1 each; 0 s fails a stream as soon as it is full.
  std::size_t stream_messages = 64;
  std::size_t stream_bytes = std::size_t{1} << 20U;
  std::chrono::milliseconds stream_stall = std::chrono::seconds(1);
};

// Bytes of storage that a message gets before its first byte arrived, doubled as it fills: to
// announce 4 MiB and send nothing must not cost 4 MiB. At least 1.
inline constexpr std::size_t first_storage = std::size_t{64} << 10U;

// Frames that leave in one write, at most IOV_MAX (1024). More cost stack, fewer system calls.
inline constexpr std::size_t frames_per_write = 16;

// Bytes of the text of a status; the rest is cut off. Longer texts help nobody, and a status must
// fit into a message (4 MiB) whatever the error holds.
inline constexpr std::size_t max_status_message = std::size_t{16} << 10U;

// A call's timeout is taken for this if it is longer, so that the deadline does not overflow the
// clock. At most about 200 years.
inline constexpr std::chrono::nanoseconds longest_timeout = std::chrono::hours(24 * 365);

// How long accepting rests after a failure, which is mostly a shortage of descriptors or memory.
// Above 0, or the shortage becomes a loop; clients wait in the backlog meanwhile.
inline constexpr std::chrono::milliseconds accept_pause{100};

}  // namespace ttrpc
