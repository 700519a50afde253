#include "runtime_api/ttrpc/client_stream.hpp"

#include "runtime_api/ttrpc/client_connection.hpp"  // IWYU pragma: keep (called through a shared_ptr)
#include "runtime_api/ttrpc/encoding.hpp"
#include "runtime_api/ttrpc/status.hpp"

namespace ttrpc {

using flow::awaitable;
using flow::error;
using flow::result;
using google::protobuf::MessageLite;

namespace {

using kind = client_stream::kind;

std::uint8_t request_flags(kind k) {
  switch (k) {
    case kind::unary:
      return 0;
    case kind::server_streaming:
      return flag_remote_closed;
    case kind::client_streaming:
    case kind::bidirectional:
      return flag_remote_open;
  }
  return 0;
}

bool takes_stream(kind k) {
  return k == kind::client_streaming || k == kind::bidirectional;
}

bool returns_stream(kind k) {
  return k == kind::server_streaming || k == kind::bidirectional;
}

}  // namespace

client_stream::client_stream(const client& to, kind k, std::string_view service,
                             std::string_view method, const MessageLite* request,
                             call_options options)
    : connection_(to.connection()),
      received_(std::make_shared<receive_queue>(connection_->executor(), connection_->allowed())),
      kind_(k),
      timeout_(options.timeout),
      stop_(std::move(options.stop)),
      request_(encode_request(request_flags(k), service, method, request, options.timeout,
                              options.metadata)) {}

client_stream::~client_stream() {
  // The connection may be waiting for room in the queue.
  fail(error(code::cancelled, "stream abandoned"));
}

void client_stream::open() {
  if (!request_) {
    fail(request_.error());
  } else if (stop_.stop_requested()) {
    fail(error(code::cancelled));
  } else if (timeout_ < timeout_.zero()) {
    fail(error(code::deadline_exceeded));
  } else {
    id_ = connection_->open(std::move(*request_), returns_stream(kind_), received_);
    watch();
  }
}

void client_stream::watch() {
  if (timeout_ != timeout_.zero()) {
    deadline_.emplace(connection_->executor(), timeout_,
                      [this] { fail(error(code::deadline_exceeded)); });
  }
  if (stop_.stop_possible()) {
    on_stop_.emplace(stop_, [this] { fail(error(code::cancelled)); });
  }
}

void client_stream::fail(error reason) {
  connection_->forget(id_);
  received_->fail(std::move(reason));
  connection_->io().progress().notify_all();
}

awaitable<result<received>> client_stream::read(MessageLite& to) {
  std::string bytes;
  const auto got = co_await received_->pop(bytes);
  if (!got || *got == received::end) {
    co_return got;
  }
  if (const auto parsed = parse_payload(bytes, to); !parsed) {
    co_return parsed.error();
  }
  co_return received::message;
}

void client_stream::stop_reading() {
  received_->finish();
}

awaitable<result<void>> client_stream::write(const MessageLite& message) {
  return send_when_room(encode_data(id_, message));
}

awaitable<result<void>> client_stream::send_when_room(result<std::string> frame) {
  if (!frame) {
    co_return frame.error();
  }
  while (connection_->io().congested() && !received_->ended()) {
    co_await connection_->io().progress().wait();
  }
  if (const auto& failure = received_->failure()) {
    co_return *failure;
  }
  if (received_->ended() || send_closed_) {
    co_return error(flow::errc::closed);
  }
  connection_->io().send(std::move(*frame));
  co_return result<void>();
}

void client_stream::close_send() {
  if (takes_stream(kind_) && !send_closed_ && !received_->ended()) {
    connection_->io().send(encode_end_of_data(id_));
  }
  send_closed_ = true;
}

awaitable<result<void>> client_stream::finish(MessageLite& response) {
  close_send();
  const auto got = co_await read(response);
  if (!got) {
    co_return got.error();
  }
  if (*got == received::end) {
    co_return error(code::internal, "the call ended without a response");
  }
  co_return result<void>();
}

std::unique_ptr<client_stream> detail::make_call(const client& to, kind k, std::string_view service,
                                                 std::string_view method,
                                                 const MessageLite* request, call_options options) {
  return std::make_unique<client_stream>(to, k, service, method, request, std::move(options));
}

}  // namespace ttrpc
