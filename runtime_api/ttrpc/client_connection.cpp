#include "runtime_api/ttrpc/client_connection.hpp"

#include <limits>
#include <utility>

#include "runtime_api/ttrpc/encoding.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "ttrpc/ttrpc.pb.h"

namespace ttrpc {

using flow::awaitable;
using flow::error;

client_connection::client_connection(const boost::asio::any_io_executor& executor,
                                     std::unique_ptr<byte_stream> stream, flow::log& log,
                                     const limits& allowed)
    : executor_(executor),
      log_(log),
      limits_(allowed),
      connection_(executor, std::move(stream), allowed.queued_bytes),
      tasks_(executor, [this](const std::string& name, const std::exception_ptr& failure) {
        log_.error("ttrpc client task failed", {{"task", name}, {"err", flow::describe(failure)}});
        end(error(code::internal, "ttrpc client failed"));
      }) {}

void client_connection::start() {
  tasks_.spawn("writer", connection_.write_frames());
  tasks_.spawn("reader", read_frames());
}

std::uint32_t client_connection::open(std::string request, bool server_streaming,
                                      std::shared_ptr<receive_queue> queue) {
  if (next_id_ == std::numeric_limits<std::uint32_t>::max()) {
    end(error(code::unavailable, "stream ids used up"));
  }
  if (failure_) {
    queue->fail(*failure_);
    return 0;
  }
  const std::uint32_t id = std::exchange(next_id_, next_id_ + 2);
  set_stream_id(request, id);
  streams_.emplace(id, stream{server_streaming, std::move(queue)});
  connection_.send(std::move(request));
  return id;
}

void client_connection::forget(std::uint32_t id) {
  streams_.erase(id);
}

void client_connection::end(error reason) {
  if (failure_) {
    return;
  }
  failure_ = std::move(reason);
  connection_.close();
  for (const auto& [id, lost] : std::exchange(streams_, {})) {
    lost.queue->fail(*failure_);
  }
}

awaitable<void> client_connection::join() {
  co_await tasks_.join();
}

awaitable<void> client_connection::read_frames() {
  for (;;) {
    auto received = co_await connection_.receive();
    if (!received) {
      end(error(code::unavailable, "connection lost: " + received.error().message()));
      co_return;
    }
    const frame_header header = received->header;
    const auto found = streams_.find(header.stream_id);
    if (found == streams_.end()) {
      log_.debug("ttrpc message for an unknown stream ignored", {{"stream", header.stream_id}});
    } else if (received->oversized()) {
      const stream to = std::move(found->second);
      streams_.erase(found);
      to.queue->fail(oversized_error(header.length));
    } else if (header.type == message_type::response) {
      const stream to = std::move(found->second);
      streams_.erase(found);
      on_response(*received, to);
    } else if (header.type == message_type::data) {
      co_await on_data(std::move(*received), found->second);
    }
    // Other types are for future versions of the protocol.
  }
}

void client_connection::on_response(const message& received, const stream& to) {
  Response response;
  if (!response.ParseFromString(received.payload)) {
    to.queue->fail(error(code::internal, "unmarshal response error: invalid wire format"));
  } else if (response.status().code() != 0) {
    to.queue->fail(from_status(response.status()));
  } else {
    // After a stream, a response without payload only ends it.
    if (!to.server_streaming || !response.payload().empty()) {
      to.queue->push(std::move(*response.mutable_payload()));
    }
    to.queue->finish();
  }
}

awaitable<void> client_connection::on_data(message received, stream to) {
  const frame_header header = received.header;
  if (!to.server_streaming) {
    forget(header.stream_id);
    to.queue->fail(error(code::internal, "data received for a method that returns no stream"));
    co_return;
  }
  if (!header.has(flag_no_data)) {
    const bool room = co_await to.queue->wait_room();
    if (!room) {
      forget(header.stream_id);
      to.queue->fail(error(code::resource_exhausted, "ttrpc: stream buffer full"));
      co_return;
    }
    to.queue->push(std::move(received.payload));
  }
  if (header.has(flag_remote_closed)) {
    forget(header.stream_id);
    to.queue->finish();
  }
}

}  // namespace ttrpc
