// What client and server share: messages in, frames out, over one byte stream.
//
// One coroutine receives, one runs write_frames(); anyone sends. Frames leave in the order they
// were sent, never interleaved.
//
// Lifetime: outlives both coroutines. Thread rule: one thread.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/event.hpp"
#include "runtime_api/ttrpc/byte_stream.hpp"
#include "runtime_api/ttrpc/codec.hpp"

namespace ttrpc {

class connection {
 public:
  // `max_queued` as limits::queued_bytes.
  connection(const boost::asio::any_io_executor& executor, std::unique_ptr<byte_stream> stream,
             std::size_t max_queued);

  // The next message, oversized ones included. An end between two messages is
  // boost::asio::error::eof, inside one errc::truncated.
  flow::awaitable<flow::result<message>> receive();

  // Sends what is queued until close() or until writing fails, which closes.
  flow::awaitable<void> write_frames();

  // Queues a frame and never waits; whoever may be slowed down waits for room before. A closed
  // connection drops it.
  void send(std::string frame);

  bool congested() const noexcept { return queued_bytes_ > max_queued_; }
  bool flushed() const noexcept { return queue_.empty(); }
  bool closed() const noexcept { return closed_; }

  // Notified when the connection is no longer congested, is flushed, or closed.
  flow::event& progress() noexcept { return progress_; }

  // At once. Makes receive() fail and write_frames() return. May be called again.
  void close();

 private:
  std::unique_ptr<byte_stream> stream_;
  message_decoder decoder_;
  std::size_t max_queued_;
  std::deque<std::string> queue_;  // the first may be under way
  std::size_t queued_bytes_ = 0;
  bool closed_ = false;
  flow::event queued_;
  flow::event progress_;
};

}  // namespace ttrpc
