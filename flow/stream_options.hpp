// What a stream is given when it is made, and what its close() returns. The contract is stream.hpp's.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "flow/error.hpp"
#include "flow/frame.hpp"

namespace flow {

struct stream_options {
  // The largest Data payload sent: legacy_max_payload to any peer, up to agreed_max_payload where
  // both ends agreed on it out of band. At least 1.
  std::uint32_t max_payload = legacy_max_payload;

  // The largest Data payload accepted; a larger one is errc::frame_too_large. Nothing of that size
  // is ever allocated.
  std::uint32_t max_frame = agreed_max_payload;

  // How many bytes are read ahead while the application does not read; then the transport pushes
  // back. At most 65536, at least frame_header_size.
  std::size_t read_ahead = 65536;

  // How long the end that is closed by its peer waits for the end of the transport after the peer's
  // Close, before it drops the transport itself.
  std::chrono::steady_clock::duration close_wait = std::chrono::seconds(10);

  // How many bytes close() drains, waiting for the peer's Close.
  std::uint64_t max_drain = std::uint64_t{64} << 20U;
};

struct close_result {
  // Both ends have said Close. Where ours was first and the peer is one of ours, it held every byte
  // that was accepted here. A peer that closes at the same moment is indistinguishable from one
  // that answers: proof that an application consumed what was sent is only its own ShutdownWrite,
  // awaited after ours.
  bool acknowledged = false;

  // The peer's Close was first: what was written here last may have been discarded there.
  bool peer_first = false;

  // Why it was not acknowledged: errc::timed_out, truncated, reset, protocol, ..., or errc::aborted
  // after abort() or when max_drain was exceeded.
  error_code reason;

  // Payload bytes of the peer that were received but not delivered to the application, those
  // after shutdown_read() included.
  std::uint64_t discarded = 0;
};

}  // namespace flow
