// What one end of a stream may do, must do and will say, given what the application asked for, what
// the peer sent and what became of the transport. No I/O and no time: the shell
// (detail/stream_core) reports what happened and asks what follows.
//
// The halves are independent:
//
//   sending                                      receiving
//
//   open ── shutdown_write() ──► ending          open ── peer's ShutdownWrite or Close ─► eof
//    │                             │ sent         ├── shutdown_read() ─► eof, input is discarded
//    │                             ▼              ├── close(), abort() ► aborted, the same
//    │                           ended            └── the transport ends, or the peer breaks
//    └── peer's ShutdownRead,                         the protocol ────► truncated, reset, ...
//        either end's Close ─────► refused
//
//   `ending` passes to `refused` as `open` does, unless close() finds no data queued: then
//   ShutdownWrite still goes before Close. Data queued before is sent while open or ending, and
//   dropped by the passage to refused or when the transport fails.
//
// A close is two Close frames that cross, and then the end of the transport. Whoever sent the first
// one brings that about; the other waits for it, since on some transports an early end of its own
// would overtake its answer:
//
//   Close sent first (close())             Close received first
//     waits for the peer's Close             sends its Close, the answer
//     releases the transport   ──────────►   waits for the end of the transport, releases it
//
// Ends that both sent first both release. What a peer sends after its Close is not looked at.
#pragma once

#include <optional>

#include "flow/error.hpp"
#include "flow/frame.hpp"

namespace flow {

class stream_state {
 public:
  // What the application asks; everything may be asked again and in any state.

  void shutdown_write() noexcept;
  void shutdown_read() noexcept;
  void close(bool data_queued) noexcept;
  void abort() noexcept;

  // What the peer sends. Ignored once it said Close or the transport ended.

  void receive(frame_code code) noexcept;
  void receive_data() noexcept;  // after ShutdownWrite, that breaks the protocol
  void protocol_error(error_code reason) noexcept;

  // What becomes of the transport.

  // It ended, or the shell ended it: errc::truncated where the end is all there was to see.
  void end(error_code reason) noexcept;

  // It takes no more, but there may be something left to read.
  void break_sending(error_code reason) noexcept;

  // What is to be sent.

  bool can_send() const noexcept { return !broken_ && !ended_; }

  // The control frame due at a boundary between frames; with data queued, only what overtakes it.
  std::optional<frame_code> due(bool data_queued) const noexcept;
  void sent(frame_code code) noexcept;

  // Why a new write fails; none while writing is open.
  error_code write_error() const noexcept;

  // Why data queued before is dropped; none while it is sent.
  error_code drop_error() const noexcept;

  // ShutdownWrite was asked for and is neither sent nor needless yet. Afterwards, why it was not.
  bool shutdown_write_pending() const noexcept;
  error_code shutdown_write_error() const noexcept;
  bool shutdown_read_pending() const noexcept;
  error_code shutdown_read_error() const noexcept;

  // What is to be done with the input.

  // What a read says when nothing is left to deliver; none while more may come.
  error_code read_error() const noexcept { return read_error_; }

  // What arrives is not for the application, nor is what arrived.
  bool discards_input() const noexcept { return read_stopped_ || close_asked_; }

  // The close.

  bool close_asked() const noexcept { return close_asked_; }
  bool close_received() const noexcept { return close_received_; }
  bool peer_closed_first() const noexcept { return peer_first_; }

  // The transport has no further use and is to be released: end({}) once that is done.
  bool finished() const noexcept;

  bool ended() const noexcept { return ended_; }

  // Why the transport ended before the peer's Close; none after it.
  error_code end_reason() const noexcept { return end_reason_; }

 private:
  enum class sending { open, ending, ended, refused };
  enum class notice { none, due, sent };

  bool hears_peer() const noexcept { return !close_received_ && !ended_; }
  void refuse() noexcept;

  sending sending_ = sending::open;
  notice shutdown_read_ = notice::none;
  notice close_ = notice::none;
  bool read_stopped_ = false;
  bool peer_stopped_writing_ = false;
  bool close_asked_ = false;
  bool close_received_ = false;
  bool peer_first_ = false;
  bool ended_ = false;
  error_code broken_;  // why nothing can be sent any more
  error_code read_error_;
  error_code end_reason_;
};

}  // namespace flow
