// One call on the server: its input, output and answer.
//
//   open ── answer(), abort() or abandon() ──► ended
//
// The first of the three counts: at most one answer is sent, and the method's output after the end
// is discarded. The method may run on after the end, so its runner shares ownership.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "runtime_api/ttrpc/connection.hpp"
#include "runtime_api/ttrpc/receive_queue.hpp"
#include "runtime_api/ttrpc/service.hpp"

namespace ttrpc {

class server_call final : public incoming_call {
 public:
  // The contents of the request.
  struct opening {
    std::uint32_t id = 0;
    std::string what;  // "service/method"
    ttrpc::metadata values;
    std::optional<call_context::time_point> deadline;
    std::string payload;  // for a method that takes a stream: its first message, if not empty
    bool more = false;    // for a method that takes a stream: further messages may follow
  };

  // `to` and `m` must outlive the call.
  server_call(const boost::asio::any_io_executor& executor, connection& to, const method& m,
              opening request, const limits& allowed);

  std::uint32_t id() const noexcept { return id_; }
  const method& called() const noexcept { return method_; }
  bool ended() const noexcept { return ended_; }

  // The client's messages to a method that takes a stream.
  receive_queue& incoming() noexcept { return incoming_; }

  // The method has returned.
  void answer(const flow::result<void>& outcome);

  // Answers with `reason`, and cancels the method.
  void abort(const flow::error& reason);

  // Cancels the method without an answer, because nobody is left to receive it.
  void abandon(const flow::error& reason);

  call_context& context() noexcept override { return context_; }
  flow::result<void> parse_request(google::protobuf::MessageLite& to) override;
  flow::result<void> respond(const google::protobuf::MessageLite& response) override;
  flow::awaitable<flow::result<received>> read(google::protobuf::MessageLite& to) override;
  void stop_reading() override;
  flow::awaitable<flow::result<void>> write(const google::protobuf::MessageLite& message) override;

 private:
  flow::awaitable<flow::result<void>> send_when_room(flow::result<std::string> frame);

  connection& connection_;
  const method& method_;
  std::uint32_t id_;
  std::string request_;
  std::string response_;  // the frame of the one response
  bool ended_ = false;
  call_context context_;
  receive_queue incoming_;
};

}  // namespace ttrpc
