#include "runtime_api/ttrpc/server_connection.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "flow/deadline.hpp"
#include "runtime_api/ttrpc/encoding.hpp"
#include "runtime_api/ttrpc/limits.hpp"
#include "runtime_api/ttrpc/status.hpp"

namespace ttrpc {

using flow::awaitable;
using flow::error;
using flow::result;

namespace {

// The tasks of a connection other than calls: its reader and its writer.
constexpr std::size_t own_tasks = 2;

std::optional<call_context::time_point> deadline_of(const Request& request) {
  if (request.timeout_nano() == 0) {
    return std::nullopt;
  }
  const auto timeout = std::chrono::nanoseconds(request.timeout_nano());
  return std::chrono::steady_clock::now() + std::min(timeout, longest_timeout);
}

metadata take_metadata(Request& request) {
  metadata values;
  for (KeyValue& pair : *request.mutable_metadata()) {
    values.emplace_back(std::move(*pair.mutable_key()), std::move(*pair.mutable_value()));
  }
  return values;
}

}  // namespace

server_connection::server_connection(const boost::asio::any_io_executor& executor,
                                     std::unique_ptr<byte_stream> stream,
                                     const service_map& services, flow::log& log,
                                     const limits& allowed)
    : executor_(executor),
      services_(services),
      log_(log),
      limits_(allowed),
      connection_(executor, std::move(stream), allowed.queued_bytes),
      tasks_(executor, [this](const std::string& name, const std::exception_ptr& failure) {
        log_.error("ttrpc server task failed", {{"task", name}, {"err", flow::describe(failure)}});
        close();
      }) {}

awaitable<void> server_connection::run() {
  tasks_.spawn("writer", connection_.write_frames());
  tasks_.spawn("reader", read_frames());
  co_await tasks_.join();
}

void server_connection::drain() {
  if (!draining_) {
    draining_ = true;
    tasks_.spawn("drain", close_when_idle());
  }
}

void server_connection::close() {
  connection_.close();
  for (const auto& [id, call] : std::exchange(calls_, {})) {
    call->abandon(error(code::cancelled, "connection closed"));
  }
}

awaitable<void> server_connection::close_when_idle() {
  while (!connection_.closed() && !(calls_.empty() && connection_.flushed())) {
    co_await connection_.progress().wait();
  }
  close();
}

awaitable<void> server_connection::read_frames() {
  for (;;) {
    // Unread requests cannot be answered: this bounds the memory that a client which does not read
    // its responses can make us hold.
    while (connection_.congested() && !connection_.closed()) {
      co_await connection_.progress().wait();
    }
    auto received = co_await connection_.receive();
    if (!received) {
      log_.debug("ttrpc connection ended", {{"err", received.error().message()}});
      close();
      co_return;
    }
    const frame_header& header = received->header;
    if (received->oversized()) {
      refuse(header.stream_id, oversized_error(header.length));
    } else if (header.stream_id % 2 != 1) {
      refuse(header.stream_id,
             error(code::invalid_argument, "StreamID must be odd for client initiated streams"));
    } else if (header.type == message_type::request) {
      on_request(*received);
    } else if (header.type == message_type::data) {
      co_await on_data(std::move(*received));
    }
    // Other types are for future versions of the protocol.
  }
}

void server_connection::on_request(const message& received) {
  const std::uint32_t id = received.header.stream_id;
  if (id <= last_id_) {
    refuse(id, error(code::invalid_argument, "StreamID cannot be re-used and must increment"));
    return;
  }
  last_id_ = id;
  Request request;
  if (!request.ParseFromString(received.payload)) {
    refuse(id, error(code::invalid_argument, "unmarshal request error: invalid wire format"));
    return;
  }
  const auto to = find(request);
  if (!to) {
    refuse(id, to.error());
    return;
  }
  start(id, std::move(request), *to, received.header.has(flag_remote_open));
}

result<server_connection::target> server_connection::find(const Request& request) const {
  const auto named = services_.find(request.service());
  if (named == services_.end()) {
    return error(code::unimplemented, "service " + request.service());
  }
  const auto methods = named->second->methods();
  const auto called = std::find_if(methods.begin(), methods.end(),
                                   [&](const method& m) { return m.name == request.method(); });
  if (called == methods.end()) {
    return unimplemented_method(request.method());
  }
  if (draining_) {
    return error(code::unavailable, "server is shutting down");
  }
  if (tasks_.size() >= own_tasks + limits_.calls) {
    return error(code::resource_exhausted, "too many calls on this connection");
  }
  if (request.timeout_nano() < 0) {
    return error(code::deadline_exceeded);
  }
  return target{.served = named->second, .called = &*called};
}

void server_connection::start(std::uint32_t id, Request request, const target& to, bool more) {
  server_call::opening opening{.id = id,
                               .what = request.service() + "/" + request.method(),
                               .values = take_metadata(request),
                               .deadline = deadline_of(request),
                               .payload = std::move(*request.mutable_payload()),
                               .more = more};
  const auto call = std::make_shared<server_call>(executor_, connection_, *to.called,
                                                  std::move(opening), limits_);
  calls_.emplace(id, call);
  tasks_.spawn("call", run_call(call, *to.served));
}

awaitable<void> server_connection::run_call(std::shared_ptr<server_call> call, service& served) {
  std::optional<flow::deadline> limit;
  if (const auto& at = call->context().deadline()) {
    limit.emplace(executor_, *at - std::chrono::steady_clock::now(),
                  [this, &call] { abort(*call, error(code::deadline_exceeded)); });
  }
  const auto outcome = co_await invoke(served, *call);
  call->answer(outcome);
  calls_.erase(call->id());
}

awaitable<result<void>> server_connection::invoke(service& served, server_call& call) {
  std::exception_ptr failure;
  try {
    co_return co_await call.called().invoke(served, call);
  } catch (...) {
    failure = std::current_exception();
  }
  log_.error("ttrpc handler failed",
             {{"method", call.context().what()}, {"err", flow::describe(failure)}});
  co_return error(code::internal, "handler failed");
}

awaitable<void> server_connection::on_data(message received) {
  const frame_header header = received.header;
  const auto found = calls_.find(header.stream_id);
  if (found == calls_.end()) {
    refuse(header.stream_id, error(code::invalid_argument, "StreamID is no longer active"));
    co_return;
  }
  const auto call = found->second;
  if (!call->called().client_streaming) {
    co_return;  // nobody will read it
  }
  if (header.has(flag_remote_closed) && header.length != 0) {
    abort(*call, error(code::invalid_argument, "data close message cannot include data"));
    co_return;
  }
  if (!header.has(flag_no_data)) {
    if (call->incoming().ended()) {
      abort(*call, error(code::invalid_argument, "data handling error: ttrpc: stream closed"));
      co_return;
    }
    const bool room = co_await call->incoming().wait_room();
    if (!room) {
      abort(*call, error(code::resource_exhausted, "ttrpc: stream buffer full"));
      co_return;
    }
    call->incoming().push(std::move(received.payload));
  }
  if (header.has(flag_remote_closed)) {
    call->incoming().finish();
  }
}

void server_connection::refuse(std::uint32_t id, const error& reason) {
  connection_.send(encode_failure(id, reason));
}

void server_connection::abort(server_call& call, const error& reason) {
  call.abort(reason);
  calls_.erase(call.id());
}

}  // namespace ttrpc
