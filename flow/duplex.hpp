// Bytes in both directions with half-close, whatever they run on: what copy.hpp copies between.
//
//   framed   a stream (stream.hpp): every end and loss is told apart
//   raw      the socket itself and shutdown(2): an end may be a crash, and on some transports
//            a half-close is the end of both directions
//
// Buffers are borrowed until the operation completes. One read and one write at a time. Outstanding
// coroutines may outlive the object, not the execution context; they complete when it is destroyed.
// Thread rule: everything on the thread that runs the executor.
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

  // At least one byte. asio::error::eof: the clean end, or our shutdown_read(); raw: any end.
  virtual awaitable<result<std::size_t>> read_some(asio::mutable_buffer buffer) = 0;

  // The whole buffer. errc::closed: nobody reads it any more.
  virtual awaitable<result<void>> write(asio::const_buffer buffer) = 0;

  // As for a stream: idempotent; an outstanding read or write completes.
  virtual awaitable<result<void>> shutdown_write() = 0;
  virtual awaitable<result<void>> shutdown_read() = 0;

  // A write would be attempted.
  virtual bool write_open() const = 0;

  // Returns once it would not: after shutdown_write(), close() or abort(), and when the peer does
  // not read any more, as far as that shows without writing. Framed: its ShutdownRead, its Close or
  // the end of the transport, at once. Raw: what a read met, a reset or, on AF_UNIX, the end of
  // both directions.
  virtual awaitable<void> wait_write_closed() = 0;

  // Framed: as stream::close(), with the reason as the error if it is not acknowledged. Raw:
  // releases the socket, which knows no answer.
  virtual awaitable<result<void>> close(std::chrono::steady_clock::duration deadline) = 0;

  // Releases the transport at once.
  virtual void abort() noexcept = 0;
};

std::unique_ptr<duplex> make_framed(std::unique_ptr<transport> t,
                                    const stream_options& o = stream_options());
std::unique_ptr<duplex> make_raw(std::unique_ptr<transport> t);

}  // namespace flow
