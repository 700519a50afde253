// A shutdown-safe stream over a transport: bytes in order both ways, with a half-close, a close
// and an end of data that are frames of their own and need nothing of the transport beneath but
// that it carries bytes. PROTOCOL.md describes the wire, stream_state.hpp the states.
//
// One reader owns the transport for the life of the connection. It starts with the stream, reads
// ahead (bounded) when the application does not read, and keeps parsing after the end of data was
// delivered, so what the peer says about our writing (ShutdownRead, Close) is heard even by an
// application that only writes. One ordered writer sends header and payload in one system call.
//
// Reading ends in exactly one of these, again and again once reached; data received before it is
// always delivered first:
//   asio::error::eof        the clean end: the peer's ShutdownWrite or Close, or our shutdown_read
//   errc::truncated         the transport ended without either, or inside a frame
//   errc::reset             the transport was reset
//   errc::protocol, errc::frame_too_large   the peer broke the protocol; the transport was dropped
//   errc::aborted           abort() or close() at this end
// Writing is over for good with:
//   errc::closed            shutdown_write() or close() at this end, ShutdownRead or Close of the
//                           peer; what was not yet accepted is not sent
//   errc::truncated, reset, protocol, frame_too_large, aborted   as for reading
// Other failures of the transport are passed on as the system named them.
//
// A stream is an Asio AsyncReadStream and AsyncWriteStream: asio::async_read, asio::async_write and
// Beast run on it. The coroutines say the same with results, and do not visit the scheduler when
// they can complete at once (though regularly, so that they cannot starve others).
//
// Buffers are borrowed until the operation completes. At most one read may be outstanding; writes
// may overlap, and each is contiguous on the wire, in the order of the calls. Timeouts are the
// caller's: a deadline that calls abort().
//
// Destruction is abort(). Outstanding operations, coroutines included, complete then and may
// outlive the stream, not the execution context. Per-operation cancellation is not supported.
// A stream is movable; a moved-from stream may only be assigned to or destroyed.
//
// Thread rule: everything on the thread that runs the executor.
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

  // Starts reading. The transport is connected and carries nothing but frames from here on.
  explicit stream(std::unique_ptr<transport> t, const options& o = options());
  stream(stream&&) noexcept = default;
  stream& operator=(stream&& other) noexcept;
  ~stream();

  executor_type get_executor() const noexcept;

  // Reads at least one byte into the first buffer that is not empty. Reading into no space at all
  // completes with 0.
  template <class MutableBufferSequence, class CompletionToken>
  auto async_read_some(const MutableBufferSequence& buffers, CompletionToken&& token) {
    return asio::async_initiate<CompletionToken, void(error_code, std::size_t)>(
        [](auto handler, const detail::core_ptr& core, asio::mutable_buffer b) {
          detail::start_read(core, b, rebind(std::move(handler), core));
        },
        token, core_, first_of(buffers));
  }

  // Writes the first buffers of the sequence (up to detail::max_write_buffers, all of each) as one
  // contiguous whole, and completes when the transport has accepted them. On an error the number
  // says how many bytes were accepted before it.
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

  // Writes the whole buffer; completes when the transport has accepted it. Nothing is sent for an
  // empty one.
  awaitable<result<void>> write(asio::const_buffer buffer);

  // Sends ShutdownWrite behind everything written before, and completes when the transport has
  // accepted it. Succeeds without sending anything where the peer does not read any more.
  awaitable<result<void>> shutdown_write();

  // Reads say eof from now on, what was read ahead is discarded, and the peer is told by
  // ShutdownRead. What the peer still sends is read and discarded. Completes as shutdown_write().
  awaitable<result<void>> shutdown_read();

  // Sends Close behind the frame that is on its way, and reads and discards until the peer's Close,
  // the end of the transport, `deadline` from now, or max_drain. Then the transport is released.
  // Outstanding reads and writes complete at once, with errc::aborted and errc::closed. If the peer
  // closed first, its Close is answered already and what is awaited is the end of the transport.
  // A further call waits for the same end and returns the same result.
  awaitable<close_result> close(std::chrono::steady_clock::duration deadline);

  // Drops the transport at once, without a word to the peer. Everything outstanding completes with
  // errc::aborted. Does nothing once the transport is gone.
  void abort() noexcept;

  // The peer's Close or the end of the transport was seen: nothing more will come, and nothing
  // written will be read.
  bool peer_closed() const noexcept;
  awaitable<void> wait_peer_closed();

  // A write would be attempted.
  bool write_open() const noexcept;

  // Returns once it would not, for whatever reason: ShutdownRead or Close of the peer, the end of
  // the transport, shutdown_write(), close() or abort() at this end.
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
