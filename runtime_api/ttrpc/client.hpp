// The calling side of one connection. Generated clients make their calls on it.
//
//   ttrpc::client client(executor, std::move(stream), log);
//   containerd::task::v2::task_client task(client);
//   auto state = co_await task.state(request);
//   if (!state) { if (state.error().code() == ttrpc::code::not_found) ... }
//   ...
//   client.close();
//   co_await client.join();
//
// Any number of calls and streams may be in progress, from any number of coroutines. When the
// connection is lost, all of them fail with unavailable, as does every later one: a client does not
// reconnect, its owner creates a new one.
//
// Lifetime: `log` must outlive the client. Call close() and join() before destruction. Streams may
// outlive the client; they fail. Thread rule: the executor's one thread.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/system/log.hpp"
#include "runtime_api/ttrpc/byte_stream.hpp"
#include "runtime_api/ttrpc/limits.hpp"
#include "runtime_api/ttrpc/metadata.hpp"

namespace ttrpc {

class client_connection;

struct call_options {
  call_options() = default;
  explicit call_options(std::chrono::nanoseconds limit) : timeout(limit) {}

  // Zero means none. Enforced here, and sent so that the server gives up too. The call fails with
  // deadline_exceeded, whatever the server does.
  std::chrono::nanoseconds timeout{0};

  ttrpc::metadata metadata;

  // When stopped, the call fails with cancelled. The server is not notified: ttrpc has no
  // such message.
  std::stop_token stop;
};

class client {
 public:
  client(const boost::asio::any_io_executor& executor, std::unique_ptr<byte_stream> stream,
         flow::log& log, const limits& allowed = limits());
  client(const client&) = delete;
  client& operator=(const client&) = delete;
  ~client();

  // Closes immediately; calls in progress fail with unavailable.
  void close();

  // Returns when the connection's own coroutines have ended, after close() or a loss.
  flow::awaitable<void> join();

  // Why no more calls can be made; nothing while the connection lives.
  const std::optional<flow::error>& failure() const noexcept;

  // Used by generated code to make calls.
  const std::shared_ptr<client_connection>& connection() const noexcept { return connection_; }

 private:
  std::shared_ptr<client_connection> connection_;
};

}  // namespace ttrpc
