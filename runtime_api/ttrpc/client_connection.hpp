// The connection of a client: numbers the streams, and delivers the server's messages to them.
//
// Shared by the client and its streams, since a stream may outlive the client.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "flow/asio.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "runtime_api/ttrpc/connection.hpp"
#include "runtime_api/ttrpc/limits.hpp"
#include "runtime_api/ttrpc/receive_queue.hpp"

namespace ttrpc {

class client_connection {
 public:
  client_connection(const boost::asio::any_io_executor& executor,
                    std::unique_ptr<byte_stream> stream, flow::log& log, const limits& allowed);

  // Starts to read and write, in the background until end() or a loss. Call once.
  void start();

  // Sends the request under a new ID and delivers the server's messages for it to `queue`. The
  // queue fails if the connection has ended. Returns the ID.
  std::uint32_t open(std::string request, bool server_streaming,
                     std::shared_ptr<receive_queue> queue);

  // Ignores further messages for `id`.
  void forget(std::uint32_t id);

  // Closes immediately; every stream fails with `reason`. Only the first call counts.
  void end(flow::error reason);

  const std::optional<flow::error>& failure() const noexcept { return failure_; }
  flow::awaitable<void> join();

  const boost::asio::any_io_executor& executor() const noexcept { return executor_; }
  const limits& allowed() const noexcept { return limits_; }
  connection& io() noexcept { return connection_; }

 private:
  struct stream {
    bool server_streaming = false;
    std::shared_ptr<receive_queue> queue;
  };

  flow::awaitable<void> read_frames();
  static void on_response(const message& received, const stream& to);
  flow::awaitable<void> on_data(message received, stream to);

  boost::asio::any_io_executor executor_;
  flow::log& log_;
  limits limits_;
  connection connection_;
  std::uint32_t next_id_ = 1;
  std::unordered_map<std::uint32_t, stream> streams_;
  std::optional<flow::error> failure_;
  flow::task_group tasks_;
};

}  // namespace ttrpc
