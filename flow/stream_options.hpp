// The options of a stream, and the result of its close(). The contract is in stream.hpp.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "flow/error.hpp"
#include "flow/frame.hpp"

namespace flow {

struct stream_options {
  // The largest Data payload sent: legacy_max_payload to any peer, up to agreed_max_payload if both
  // ends agreed on it out of band. At least 1.
  std::uint32_t max_payload = legacy_max_payload;

  // The largest Data payload accepted; a larger one is errc::frame_too_large. Nothing of that size
  // is ever allocated.
  std::uint32_t max_frame = agreed_max_payload;

  // How many bytes are read ahead while the application does not read; beyond that, the transport
  // applies back-pressure. At most 65536, at least frame_header_size.
  std::size_t read_ahead = 65536;

  // How long the end whose peer closed first waits for the end of the transport after the peer's
  // Close, before it drops the transport itself.
  std::chrono::steady_clock::duration close_wait = std::chrono::seconds(10);

  // How many bytes close() drains while waiting for the peer's Close.
  std::uint64_t max_drain = std::uint64_t{64} << 20U;
};

struct close_result {
  // Both ends have sent Close. If ours was first and the peer uses this library, it received every
  // byte that was accepted here. A peer that closes at the same moment is indistinguishable from
  // one that answers: only its own ShutdownWrite, awaited after ours, proves that an application
  // consumed the data.
  bool acknowledged = false;

  // The peer's Close came first: the last data written here may have been discarded there.
  bool peer_first = false;

  // Why it was not acknowledged: errc::timed_out, truncated, reset, protocol, ..., or errc::aborted
  // after abort() or when max_drain was exceeded.
  error_code reason;

  // Payload bytes of the peer that were received but not delivered to the application, including
  // those after shutdown_read().
  std::uint64_t discarded = 0;
};

}  // namespace flow
