// The interface of a service. Generated classes implement it; see ../PROTOCOL.md for their shape.
#pragma once

#include <span>
#include <string_view>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "runtime_api/ttrpc/call_context.hpp"
#include "runtime_api/ttrpc/message_stream.hpp"

namespace ttrpc {

// One call as its method sees it: the request that opened it, the streams if the method has any,
// and the destination of the response.
class incoming_call : public message_stream {
 public:
  virtual call_context& context() noexcept = 0;

  // Parses the request that opened the call. Not for methods that take a stream.
  virtual flow::result<void> parse_request(google::protobuf::MessageLite& to) = 0;

  // The response of a method that does not return a stream. It is sent when the method ends.
  virtual flow::result<void> respond(const google::protobuf::MessageLite& response) = 0;
};

class service;

struct method {
  std::string_view name;
  bool client_streaming;
  bool server_streaming;
  flow::awaitable<flow::result<void>> (*invoke)(service& to, incoming_call& call);
};

class service {
 public:
  service() = default;
  service(const service&) = delete;
  service& operator=(const service&) = delete;
  virtual ~service() = default;

  // "containerd.task.v2.Task"
  virtual std::string_view name() const noexcept = 0;
  virtual std::span<const method> methods() const noexcept = 0;
};

// The answer of a method without an implementation.
flow::error unimplemented_method(std::string_view name);

// The glue between method::invoke and the virtual functions of generated services, one for each
// kind of method. `Handler` is a pointer to member function.
namespace detail {

template <class Service, class Request, auto Handler>
flow::awaitable<flow::result<void>> invoke_unary(service& to, incoming_call& call) {
  Request request;
  if (auto parsed = call.parse_request(request); !parsed) {
    co_return parsed.error();
  }
  const auto response = co_await (static_cast<Service&>(to).*Handler)(call.context(), request);
  if (!response) {
    co_return response.error();
  }
  co_return call.respond(*response);
}

template <class Service, class Request, class Response, auto Handler>
flow::awaitable<flow::result<void>> invoke_server_streaming(service& to, incoming_call& call) {
  Request request;
  if (auto parsed = call.parse_request(request); !parsed) {
    co_return parsed.error();
  }
  stream_writer<Response> out(call);
  co_return co_await (static_cast<Service&>(to).*Handler)(call.context(), request, out);
}

template <class Service, class Request, auto Handler>
flow::awaitable<flow::result<void>> invoke_client_streaming(service& to, incoming_call& call) {
  stream_reader<Request> in(call);
  const auto response = co_await (static_cast<Service&>(to).*Handler)(call.context(), in);
  if (!response) {
    co_return response.error();
  }
  co_return call.respond(*response);
}

template <class Service, class Request, class Response, auto Handler>
flow::awaitable<flow::result<void>> invoke_bidirectional(service& to, incoming_call& call) {
  stream_reader<Request> in(call);
  stream_writer<Response> out(call);
  co_return co_await (static_cast<Service&>(to).*Handler)(call.context(), in, out);
}

}  // namespace detail

}  // namespace ttrpc
