// The common part of client and server: messages in, frames out, over one byte stream.
//
// One coroutine receives, one runs write_frames(); any may send. Frames are written in the order in
// which they were sent, never interleaved.
//
// Lifetime: must outlive both coroutines. Thread rule: one thread.
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

  // The next message, including oversized ones. An end between two messages is
  // boost::asio::error::eof, inside one errc::truncated.
  flow::awaitable<flow::result<message>> receive();

  // Writes queued frames until close() or until writing fails, which closes the connection.
  flow::awaitable<void> write_frames();

  // Queues a frame and never waits; a sender that may be slowed down waits for room first. A closed
  // connection drops the frame.
  void send(std::string frame);

  bool congested() const noexcept { return queued_bytes_ > max_queued_; }
  bool flushed() const noexcept { return queue_.empty(); }
  bool closed() const noexcept { return closed_; }

  // Notified when the connection is no longer congested, is flushed, or is closed.
  flow::event& progress() noexcept { return progress_; }

  // Closes immediately. Makes receive() fail and write_frames() return. May be called again.
  void close();

 private:
  std::unique_ptr<byte_stream> stream_;
  message_decoder decoder_;
  std::size_t max_queued_;
  std::deque<std::string> queue_;  // the first may be being written
  std::size_t queued_bytes_ = 0;
  bool closed_ = false;
  flow::event queued_;
  flow::event progress_;
};

}  // namespace ttrpc
