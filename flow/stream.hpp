// A shutdown-safe stream over a transport: bytes in order both ways. Half-close, close and the end
// of data are frames of their own, so the transport only has to carry bytes. PROTOCOL.md describes
// the wire format, stream_state.hpp the states.
//
// One reader owns the transport for the life of the connection. It starts with the stream, reads
// ahead (bounded) while the application does not read, and keeps parsing after the end of data has
// been delivered, so that ShutdownRead and Close from the peer take effect even if the application
// only writes. One ordered writer sends header and payload in one system call.
//
// Reading ends with exactly one of these results, which is returned by every further read. Data
// received before it is always delivered first:
//   asio::error::eof        the clean end: the peer's ShutdownWrite or Close, or our shutdown_read
//   errc::truncated         the transport ended without either, or inside a frame
//   errc::reset             the transport was reset
//   errc::protocol, errc::frame_too_large   the peer violated the protocol; transport dropped
//   errc::aborted           abort() or close() at this end
// Writing ends permanently with:
//   errc::closed            shutdown_write() or close() at this end, ShutdownRead or Close of the
//                           peer; data not yet accepted is not sent
//   errc::truncated, reset, protocol, frame_too_large, aborted   as for reading
// Other failures of the transport are returned as the system reported them.
//
// A stream is an Asio AsyncReadStream and AsyncWriteStream: asio::async_read, asio::async_write and
// Beast work with it. The coroutines do the same with results, and bypass the scheduler if they can
// complete at once (but not always, so that they cannot starve others).
//
// Buffers are borrowed until the operation completes. At most one read may be outstanding; writes
// may overlap, and each is contiguous on the wire, in the order of the calls. Timeouts are up to
// the caller: use a deadline that calls abort().
//
// Destruction implies abort(). Outstanding operations, coroutines included, complete then; they may
// outlive the stream but not the execution context. Per-operation cancellation is not supported. A
// stream is movable; a moved-from stream may only be assigned to or destroyed.
//
// Thread rule: call everything on the thread that runs the executor.
#pragma once

#include <boost/asio/async_result.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "flow/asio.hpp"
#include "flow/detail/stream_handle.hpp"
#include "flow/error.hpp"
#include "flow/stream_options.hpp"
#include "flow/transport.hpp"

namespace flow {

class stream {
 public:
  using options = stream_options;
  using executor_type = asio::any_io_executor;

  // Starts reading. The transport must be connected; from here on it carries only frames.
  explicit stream(std::unique_ptr<transport> t, const options& o = options());
  stream(stream&&) noexcept = default;
  stream& operator=(stream&& other) noexcept;
  ~stream();

  executor_type get_executor() const noexcept;

  // Reads at least one byte into the first buffer that is not empty. Reading into empty buffers
  // completes with 0.
  template <class MutableBufferSequence, class CompletionToken>
  auto async_read_some(const MutableBufferSequence& buffers, CompletionToken&& token) {
    return asio::async_initiate<CompletionToken, void(error_code, std::size_t)>(
        [](auto handler, const detail::core_ptr& core, asio::mutable_buffer b) {
          detail::start_read(core, b, rebind(std::move(handler), core));
        },
        token, core_, first_of(buffers));
  }

  // Writes the first buffers of the sequence (up to detail::max_write_buffers, each in full)
  // contiguously, and completes when the transport has accepted them. On an error the number is the
  // count of bytes accepted before it.
  template <class ConstBufferSequence, class CompletionToken>
  auto async_write_some(const ConstBufferSequence& buffers, CompletionToken&& token) {
    return asio::async_initiate<CompletionToken, void(error_code, std::size_t)>(
        [](auto handler, const detail::core_ptr& core, const detail::write_buffers& b) {
          detail::start_write(core, b, rebind(std::move(handler), core));
        },
        token, core_, gather(buffers));
  }

  // Reads at least one byte.
  awaitable<result<std::size_t>> read_some(asio::mutable_buffer buffer);

  // Writes the whole buffer; completes when the transport has accepted it. An empty buffer
  // sends nothing.
  awaitable<result<void>> write(asio::const_buffer buffer);

  // Sends ShutdownWrite after all previous writes, and completes when the transport has accepted
  // it. Succeeds without sending anything if the peer has stopped reading.
  awaitable<result<void>> shutdown_write();

  // Makes reads return eof from now on, discards the read-ahead data, and sends ShutdownRead to the
  // peer. Data that still arrives is read and discarded. Completes as shutdown_write() does.
  awaitable<result<void>> shutdown_read();

  // Sends Close after the frame being sent, then reads and discards until the peer's Close, the end
  // of the transport, `deadline` from now, or max_drain. Then releases the transport. Outstanding
  // reads and writes complete at once, with errc::aborted and errc::closed. If the peer closed
  // first, its Close has already been answered and only the end of the transport is awaited. A
  // further call waits for the same end and returns the same result.
  awaitable<close_result> close(std::chrono::steady_clock::duration deadline);

  // Drops the transport at once, without notice to the peer. Everything outstanding completes with
  // errc::aborted. Does nothing once the transport has been released.
  void abort() noexcept;

  // The peer's Close or the end of the transport was received: nothing more will arrive, and
  // nothing written will be read.
  bool peer_closed() const noexcept;
  awaitable<void> wait_peer_closed();

  // Whether a write would be attempted.
  bool write_open() const noexcept;

  // Returns once a write would not be attempted, for whatever reason: ShutdownRead or Close of the
  // peer, the end of the transport, or shutdown_write(), close() or abort() at this end.
  awaitable<void> wait_write_closed();

  // Payload bytes delivered to, and accepted from, the application.
  std::uint64_t bytes_read() const noexcept;
  std::uint64_t bytes_written() const noexcept;

 private:
  template <class Handler>
  static auto rebind(Handler handler, const detail::core_ptr& core) {
    return detail::rebound_handler<Handler>{std::move(handler), detail::executor_of(*core)};
  }

  template <class MutableBufferSequence>
  static asio::mutable_buffer first_of(const MutableBufferSequence& buffers) {
    const auto end = asio::buffer_sequence_end(buffers);
    for (auto i = asio::buffer_sequence_begin(buffers); i != end; ++i) {
      const asio::mutable_buffer b(*i);
      if (b.size() != 0) {
        return b;
      }
    }
    return {};
  }

  template <class ConstBufferSequence>
  static detail::write_buffers gather(const ConstBufferSequence& buffers) {
    detail::write_buffers gathered;
    const auto end = asio::buffer_sequence_end(buffers);
    for (auto i = asio::buffer_sequence_begin(buffers);
         i != end && gathered.count != gathered.data.size(); ++i) {
      if (const asio::const_buffer b(*i); b.size() != 0) {
        gathered.data[gathered.count++] = detail::to_iovec(b);
      }
    }
    return gathered;
  }

  detail::core_ptr core_;
};

}  // namespace flow
