// Bytes in both directions with half-close over any transport; copy.hpp copies between two of them.
//
//   framed   a stream (stream.hpp): every kind of end and loss has its own result
//   raw      the socket itself and shutdown(2): an end may be a crash, and on some transports
//            a half-close is the end of both directions
//
// Buffers are borrowed until the operation completes. One read and one write at a time.
// Outstanding coroutines may outlive the object but not the execution context; they complete when
// the object is destroyed.
// Thread rule: call everything on the thread that runs the executor.
#pragma once

#include <chrono>
#include <memory>

#include "flow/stream.hpp"

namespace flow {

class duplex {
 public:
  duplex() = default;
  duplex(const duplex&) = delete;
  duplex& operator=(const duplex&) = delete;
  virtual ~duplex() = default;

  virtual asio::any_io_executor get_executor() = 0;

  // Reads at least one byte. asio::error::eof: the clean end, or our shutdown_read(); raw: any end.
  virtual awaitable<result<std::size_t>> read_some(asio::mutable_buffer buffer) = 0;

  // Writes the whole buffer. errc::closed: the peer has stopped reading.
  virtual awaitable<result<void>> write(asio::const_buffer buffer) = 0;

  // As for a stream: idempotent; outstanding reads or writes complete.
  virtual awaitable<result<void>> shutdown_write() = 0;
  virtual awaitable<result<void>> shutdown_read() = 0;

  // Whether a write would be attempted.
  virtual bool write_open() const = 0;

  // Returns once a write would not be attempted: after shutdown_write(), close() or abort(), and
  // when the peer has stopped reading, as far as that is visible without writing. Framed: its
  // ShutdownRead, its Close or the end of the transport, at once. Raw: an error of a read, a reset
  // or, on AF_UNIX, the end of both directions.
  virtual awaitable<void> wait_write_closed() = 0;

  // Framed: as stream::close(), with the reason as the error if it is not acknowledged. Raw:
  // releases the socket without waiting, since there is no acknowledgement.
  virtual awaitable<result<void>> close(std::chrono::steady_clock::duration deadline) = 0;

  // Releases the transport immediately.
  virtual void abort() noexcept = 0;
};

std::unique_ptr<duplex> make_framed(std::unique_ptr<transport> t,
                                    const stream_options& o = stream_options());
std::unique_ptr<duplex> make_raw(std::unique_ptr<transport> t);

}  // namespace flow
