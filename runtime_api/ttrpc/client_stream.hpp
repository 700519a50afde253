// One call as its client sees it, untyped, and the typed forms that generated clients return.
//
// A stream destroyed before its end is dropped: further messages from the server are ignored. The
// server is not notified, since ttrpc has no message for it; set a timeout if that matters.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "flow/deadline.hpp"
#include "runtime_api/ttrpc/client.hpp"
#include "runtime_api/ttrpc/message_stream.hpp"

namespace ttrpc {

class receive_queue;

class client_stream final : public message_stream {
 public:
  enum class kind { unary, client_streaming, server_streaming, bidirectional };

  // Serialises `request` (null if the method takes a stream) inside this call.
  client_stream(const client& to, kind k, std::string_view service, std::string_view method,
                const google::protobuf::MessageLite* request, call_options options);
  ~client_stream() override;

  // Sends the request. Errors show at the first read or write, not here. Call once.
  void open();

  // Messages from the server; an error is the call's status, or why there is none.
  flow::awaitable<flow::result<received>> read(google::protobuf::MessageLite& to) override;

  void stop_reading() override;
  flow::awaitable<flow::result<void>> write(const google::protobuf::MessageLite& message) override;

  // Ends writing; the server's reader sees the end. May be called again.
  void close_send();

  // For methods that return one message: closes sending and waits for it.
  flow::awaitable<flow::result<void>> finish(google::protobuf::MessageLite& response);

 private:
  void watch();
  void fail(flow::error reason);
  flow::awaitable<flow::result<void>> send_when_room(flow::result<std::string> frame);

  std::shared_ptr<client_connection> connection_;
  std::shared_ptr<receive_queue> received_;
  kind kind_;
  std::chrono::nanoseconds timeout_;
  std::stop_token stop_;
  flow::result<std::string> request_;  // the frame
  std::uint32_t id_ = 0;               // 0 until open; no stream has this ID
  bool send_closed_ = false;
  std::optional<flow::deadline> deadline_;
  std::optional<std::stop_callback<std::function<void()>>> on_stop_;
};

// Returned for methods that return a stream.
template <class Response>
class client_reader {
 public:
  explicit client_reader(std::unique_ptr<client_stream> stream) : stream_(std::move(stream)) {
    stream_->open();
  }

  // As message_stream::read(); an error is the call's status.
  flow::awaitable<flow::result<received>> read(Response& to) { return stream_->read(to); }

 private:
  std::unique_ptr<client_stream> stream_;
};

// Returned for methods that take a stream.
template <class Request, class Response>
class client_writer {
 public:
  explicit client_writer(std::unique_ptr<client_stream> stream) : stream_(std::move(stream)) {
    stream_->open();
  }

  // As message_stream::write().
  flow::awaitable<flow::result<void>> write(const Request& message) {
    return stream_->write(message);
  }

  // Ends writing and waits for the response. This object must outlive the operation.
  flow::awaitable<flow::result<Response>> finish() {
    Response response;
    const auto finished = co_await stream_->finish(response);
    if (!finished) {
      co_return finished.error();
    }
    co_return response;
  }

 private:
  std::unique_ptr<client_stream> stream_;
};

// Returned for methods that take and return a stream.
template <class Request, class Response>
class client_duplex {
 public:
  explicit client_duplex(std::unique_ptr<client_stream> stream) : stream_(std::move(stream)) {
    stream_->open();
  }

  flow::awaitable<flow::result<received>> read(Response& to) { return stream_->read(to); }
  flow::awaitable<flow::result<void>> write(const Request& message) {
    return stream_->write(message);
  }
  void close_send() { stream_->close_send(); }

 private:
  std::unique_ptr<client_stream> stream_;
};

namespace detail {

std::unique_ptr<client_stream> make_call(const client& to, client_stream::kind k,
                                         std::string_view service, std::string_view method,
                                         const google::protobuf::MessageLite* request,
                                         call_options options);

// Opens the call when awaited, not before.
template <class Response>
flow::awaitable<flow::result<Response>> run_unary(std::unique_ptr<client_stream> call) {
  Response response;
  call->open();
  const auto finished = co_await call->finish(response);
  if (!finished) {
    co_return finished.error();
  }
  co_return response;
}

}  // namespace detail

}  // namespace ttrpc
