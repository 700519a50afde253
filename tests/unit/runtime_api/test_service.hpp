// The service of test.proto, a server that serves it, and a client.
#pragma once

#include <cstddef>
#include <string>

#include "flow/event.hpp"
#include "flow/system/log.hpp"
#include "runtime_api/ttrpc/client.hpp"
#include "runtime_api/ttrpc/server.hpp"
#include "test.ttrpc.hpp"
#include "tests/unit/runtime_api/raw_peer.hpp"

namespace tests {

class test_service final : public rpc::test_service {
 public:
  template <class T>
  using answer = flow::awaitable<flow::result<T>>;
  using empty = google::protobuf::Empty;

  explicit test_service(const boost::asio::any_io_executor& executor) : changed_(executor) {}

  // Returns its input.
  answer<rpc::Payload> echo(ttrpc::call_context& context, const rpc::Payload& request) override;

  // Returns its input once released; reacts to cancellation.
  answer<rpc::Payload> wait(ttrpc::call_context& context, const rpc::Payload& request) override;

  answer<empty> fail(ttrpc::call_context& context, const rpc::Failure& request) override;
  answer<empty> throw_(ttrpc::call_context& context, const rpc::Payload& request) override;

  // Returns that many bytes.
  answer<rpc::Payload> fill(ttrpc::call_context& context, const rpc::Number& request) override;

  answer<rpc::Number> sum(ttrpc::call_context& context,
                          ttrpc::stream_reader<rpc::Number> in) override;

  // 1, 2, ... up to the number; fails after the last if the number is negative.
  answer<void> count(ttrpc::call_context& context, const rpc::Number& request,
                     ttrpc::stream_writer<rpc::Number> out) override;

  // Returns each message when it arrives. "stop" ends the method, "wait" makes it wait().
  answer<void> chat(ttrpc::call_context& context, ttrpc::stream_reader<rpc::Payload> in,
                    ttrpc::stream_writer<rpc::Payload> out) override;

  void release();

  // Waits until `n` calls are waiting, or were cancelled while waiting.
  flow::awaitable<void> until_waiting(std::size_t n);
  flow::awaitable<void> until_cancelled(std::size_t n);

  std::size_t waiting() const noexcept { return waiting_; }
  std::string last_cancel_reason() const { return cancel_reason_; }
  ttrpc::metadata last_metadata() const { return metadata_; }

 private:
  flow::awaitable<void> wait_released(ttrpc::call_context& context);

  bool released_ = false;
  std::size_t waiting_ = 0;
  std::size_t cancelled_ = 0;
  std::string cancel_reason_;
  ttrpc::metadata metadata_;
  flow::event changed_;
};

// A server with the service above. End a test with co_await stop().
struct test_server {
  explicit test_server(const boost::asio::any_io_executor& executor,
                       const ttrpc::limits& allowed = ttrpc::limits(), int log_fd = -1);

  // A connection whose other end the test drives by hand.
  raw_peer connect_raw();

  flow::awaitable<void> stop();

  boost::asio::any_io_executor executor;
  flow::log log;
  test_service service;
  ttrpc::server server;
};

// A client of that server, or of anything else. End a test with co_await stop().
struct test_client {
  test_client(const boost::asio::any_io_executor& executor,
              std::unique_ptr<ttrpc::byte_stream> stream,
              const ttrpc::limits& allowed = ttrpc::limits());
  explicit test_client(test_server& to);

  flow::awaitable<void> stop();

  flow::log log;
  ttrpc::client client;
  rpc::test_client test;
};

rpc::Payload text(std::string value);
rpc::Number number(std::int64_t value);

}  // namespace tests
