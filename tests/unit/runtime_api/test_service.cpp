#include "tests/unit/runtime_api/test_service.hpp"

#include <stdexcept>
#include <stop_token>

#include "runtime_api/ttrpc/status.hpp"

namespace tests {

using flow::awaitable;
using flow::error;
using ttrpc::call_context;

template <class T>
using answer = test_service::answer<T>;

answer<rpc::Payload> test_service::echo(call_context& context, const rpc::Payload& request) {
  metadata_ = context.all_metadata();
  co_return request;
}

answer<rpc::Payload> test_service::wait(call_context& context, const rpc::Payload& request) {
  co_await wait_released(context);
  if (context.cancelled()) {
    co_return context.cancel_reason();
  }
  co_return request;
}

answer<test_service::empty> test_service::fail(call_context& /*context*/,
                                               const rpc::Failure& request) {
  co_return error(static_cast<ttrpc::code>(request.code()), request.message());
}

answer<test_service::empty> test_service::throw_(call_context& /*context*/,
                                                 const rpc::Payload& request) {
  throw std::runtime_error(request.text());
  co_return empty();
}

answer<rpc::Payload> test_service::fill(call_context& /*context*/, const rpc::Number& request) {
  rpc::Payload response;
  response.set_data(std::string(static_cast<std::size_t>(request.value()), 'x'));
  co_return response;
}

answer<rpc::Number> test_service::sum(call_context& /*context*/,
                                      ttrpc::stream_reader<rpc::Number> in) {
  std::int64_t total = 0;
  rpc::Number next;
  for (;;) {
    const auto got = co_await in.read(next);
    if (!got) {
      co_return got.error();
    }
    if (*got == ttrpc::received::end) {
      co_return number(total);
    }
    total += next.value();
  }
}

answer<void> test_service::count(call_context& /*context*/, const rpc::Number& request,
                                 ttrpc::stream_writer<rpc::Number> out) {
  const std::int64_t last = std::abs(request.value());
  for (std::int64_t i = 1; i <= last; ++i) {
    const auto written = co_await out.write(number(i));
    if (!written) {
      co_return written.error();
    }
  }
  if (request.value() < 0) {
    co_return error(ttrpc::code::aborted, "counted enough");
  }
  co_return flow::result<void>();
}

answer<void> test_service::chat(call_context& context, ttrpc::stream_reader<rpc::Payload> in,
                                ttrpc::stream_writer<rpc::Payload> out) {
  rpc::Payload next;
  for (;;) {
    const auto got = co_await in.read(next);
    if (!got) {
      co_return got.error();
    }
    if (*got == ttrpc::received::end || next.text() == "stop") {
      co_return flow::result<void>();
    }
    if (next.text() == "wait") {
      co_await wait_released(context);
    }
    const auto written = co_await out.write(next);
    if (!written) {
      co_return written.error();
    }
  }
}

awaitable<void> test_service::wait_released(call_context& context) {
  ++waiting_;
  changed_.notify_all();
  const std::stop_callback wake(context.stop_token(), [this] { changed_.notify_all(); });
  while (!released_ && !context.cancelled()) {
    co_await changed_.wait();
  }
  --waiting_;
  if (context.cancelled()) {
    ++cancelled_;
    cancel_reason_ = context.cancel_reason().message();
  }
  changed_.notify_all();
}

void test_service::release() {
  released_ = true;
  changed_.notify_all();
}

awaitable<void> test_service::until_waiting(std::size_t n) {
  while (waiting_ != n) {
    co_await changed_.wait();
  }
}

awaitable<void> test_service::until_cancelled(std::size_t n) {
  while (cancelled_ != n) {
    co_await changed_.wait();
  }
}

test_server::test_server(const boost::asio::any_io_executor& ex, const ttrpc::limits& allowed,
                         int log_fd)
    : executor(ex), log(log_fd), service(ex), server(ex, log, allowed) {
  server.add_service(service);
}

raw_peer test_server::connect_raw() {
  auto connection = make_raw_connection(executor);
  server.serve(std::move(connection.stream));
  return std::move(connection.peer);
}

awaitable<void> test_server::stop() {
  server.close();
  co_await server.join();
}

test_client::test_client(const boost::asio::any_io_executor& executor,
                         std::unique_ptr<ttrpc::byte_stream> stream, const ttrpc::limits& allowed)
    : log(-1), client(executor, std::move(stream), log, allowed), test(client) {}

namespace {

std::unique_ptr<ttrpc::byte_stream> connect(test_server& to) {
  auto pair = make_stream_pair(to.executor);
  to.server.serve(std::move(pair.server));
  return std::move(pair.client);
}

}  // namespace

test_client::test_client(test_server& to) : test_client(to.executor, connect(to)) {}

awaitable<void> test_client::stop() {
  client.close();
  co_await client.join();
}

rpc::Payload text(std::string value) {
  rpc::Payload payload;
  payload.set_text(std::move(value));
  return payload;
}

rpc::Number number(std::int64_t value) {
  rpc::Number result;
  result.set_value(value);
  return result;
}

}  // namespace tests
