#include "runtime_api/ttrpc/server_call.hpp"

#include "runtime_api/ttrpc/encoding.hpp"

namespace ttrpc {

using flow::awaitable;
using flow::result;
using google::protobuf::MessageLite;

server_call::server_call(const boost::asio::any_io_executor& executor, connection& to,
                         const method& m, opening request, const limits& allowed)
    : connection_(to),
      method_(m),
      id_(request.id),
      context_(executor, std::move(request.what), std::move(request.values), request.deadline),
      incoming_(executor, allowed) {
  if (!method_.client_streaming) {
    request_ = std::move(request.payload);
    return;
  }
  if (!request.payload.empty()) {
    incoming_.push(std::move(request.payload));
  }
  if (!request.more) {
    incoming_.finish();
  }
}

void server_call::answer(const result<void>& outcome) {
  if (ended_) {
    return;
  }
  ended_ = true;
  if (!outcome) {
    connection_.send(encode_failure(id_, outcome.error()));
  } else if (method_.server_streaming) {
    connection_.send(encode_end_of_data(id_));
  } else {
    connection_.send(std::move(response_));
  }
}

void server_call::abort(const flow::error& reason) {
  answer(reason);
  abandon(reason);
}

void server_call::abandon(const flow::error& reason) {
  ended_ = true;
  incoming_.fail(reason);
  connection_.progress().notify_all();
  context_.cancel(reason);
}

result<void> server_call::parse_request(MessageLite& to) {
  const std::string bytes = std::move(request_);
  return parse_payload(bytes, to);
}

result<void> server_call::respond(const MessageLite& response) {
  auto frame = encode_response(id_, response);
  if (!frame) {
    return frame.error();
  }
  response_ = std::move(*frame);
  return {};
}

awaitable<result<received>> server_call::read(MessageLite& to) {
  std::string bytes;
  const auto got = co_await incoming_.pop(bytes);
  if (!got || *got == received::end) {
    co_return got;
  }
  if (const auto parsed = parse_payload(bytes, to); !parsed) {
    co_return parsed.error();
  }
  co_return received::message;
}

void server_call::stop_reading() {
  incoming_.finish();
}

awaitable<result<void>> server_call::write(const MessageLite& message) {
  return send_when_room(encode_data(id_, message));
}

awaitable<result<void>> server_call::send_when_room(result<std::string> frame) {
  if (!frame) {
    co_return frame.error();
  }
  while (connection_.congested() && !ended_) {
    co_await connection_.progress().wait();
  }
  if (ended_) {
    co_return context_.cancel_reason();
  }
  connection_.send(std::move(*frame));
  co_return result<void>();
}

}  // namespace ttrpc
