// The allowed actions, pending frames and results of one end of a stream, derived from the calls of
// the application, the frames of the peer and the fate of the transport. No I/O and no time: the
// shell (detail/stream_core) reports events and asks what follows.
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
// `ending` passes to `refused` as `open` does, except that close() with no data queued still sends
// ShutdownWrite before Close. Data queued earlier is sent while open or ending, and dropped on the
// passage to refused or when the transport fails.
//
// A close is two Close frames that cross, followed by the end of the transport. The end that sent
// the first Close ends the transport; the other waits for that, since on some transports, if it
// ended the transport early itself, that would overtake its answer:
//
//   Close sent first (close())             Close received first
//     waits for the peer's Close             sends its Close, the answer
//     releases the transport   ──────────►   waits for the end of the transport, releases it
//
// If both ends sent first, both release. Anything a peer sends after its Close is ignored.
#pragma once

#include <optional>

#include "flow/error.hpp"
#include "flow/frame.hpp"

namespace flow {

class stream_state {
 public:
  // Requests of the application; all may be repeated, and made in any state.

  void shutdown_write() noexcept;
  void shutdown_read() noexcept;
  void close(bool data_queued) noexcept;
  void abort() noexcept;

  // Frames of the peer. Ignored after its Close or the end of the transport.

  void receive(frame_code code) noexcept;
  void receive_data() noexcept;  // after ShutdownWrite, this violates the protocol
  void protocol_error(error_code reason) noexcept;

  // Events of the transport.

  // It ended, or the shell ended it: errc::truncated if there was only the end and no error.
  void end(error_code reason) noexcept;

  // It accepts no more data, but there may be something left to read.
  void break_sending(error_code reason) noexcept;

  // What to send.

  bool can_send() const noexcept { return !broken_ && !ended_; }

  // The control frame due at a frame boundary; with data queued, only one that overtakes it.
  std::optional<frame_code> due(bool data_queued) const noexcept;
  void sent(frame_code code) noexcept;

  // Why a new write fails; none while writing is open.
  error_code write_error() const noexcept;

  // Why queued data is dropped; none while it is sent.
  error_code drop_error() const noexcept;

  // ShutdownWrite was requested and is neither sent nor unnecessary yet. Then, why it was not sent.
  bool shutdown_write_pending() const noexcept;
  error_code shutdown_write_error() const noexcept;
  bool shutdown_read_pending() const noexcept;
  error_code shutdown_read_error() const noexcept;

  // What to do with the input.

  // The result of a read when nothing is left to deliver; none while more may arrive.
  error_code read_error() const noexcept { return read_error_; }

  // Data that arrives, or has arrived, is not for the application.
  bool discards_input() const noexcept { return read_stopped_ || close_asked_; }

  // The close.

  bool close_asked() const noexcept { return close_asked_; }
  bool close_received() const noexcept { return close_received_; }
  bool peer_closed_first() const noexcept { return peer_first_; }

  // The transport has no further use and must be released: call end({}) once that is done.
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
  error_code broken_;  // why nothing more can be sent
  error_code read_error_;
  error_code end_reason_;
};

}  // namespace flow
