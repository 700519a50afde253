// Messages in and out of one call, untyped, and the typed ends that handlers and clients hold.
//
// One read and one write may be in progress at the same time, never two of a kind.
#pragma once

#include <google/protobuf/message_lite.h>

#include "flow/asio.hpp"
#include "flow/error.hpp"

namespace ttrpc {

// The outcome of a read. Not a bool: a result<bool> returned by name from a coroutine would turn
// into result<bool>(has_value()).
enum class received { message, end };

class message_stream {
 public:
  message_stream() = default;
  message_stream(const message_stream&) = delete;
  message_stream& operator=(const message_stream&) = delete;
  virtual ~message_stream() = default;

  // Waits for the next message and parses it into `to`, which must outlive the operation. At the
  // end, the other side has sent everything it intended to.
  virtual flow::awaitable<flow::result<received>> read(google::protobuf::MessageLite& to) = 0;

  // Stops reading: after the messages received so far, read() is at the end, also one in progress.
  virtual void stop_reading() = 0;

  // Serialises `message` inside this call; waits while too much is queued on the connection. A
  // message above the limit is resource_exhausted and leaves the stream usable.
  virtual flow::awaitable<flow::result<void>> write(
      const google::protobuf::MessageLite& message) = 0;
};

template <class Message>
class stream_reader {
 public:
  explicit stream_reader(message_stream& stream) : stream_(&stream) {}

  // As message_stream::read().
  flow::awaitable<flow::result<received>> read(Message& to) { return stream_->read(to); }

  // As message_stream::stop_reading(), for a handler that finishes before its client.
  void stop() { stream_->stop_reading(); }

 private:
  message_stream* stream_;
};

template <class Message>
class stream_writer {
 public:
  explicit stream_writer(message_stream& stream) : stream_(&stream) {}

  // As message_stream::write().
  flow::awaitable<flow::result<void>> write(const Message& message) {
    return stream_->write(message);
  }

 private:
  message_stream* stream_;
};

}  // namespace ttrpc
