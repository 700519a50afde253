// The shim's end of all connections from the guest: the control connection, and the streams
// of processes.
//
// Any process in the guest can connect to the shim, so a connection proves nothing. The control
// connection is the first one, which arrives before any container exists. Every other connection
// must present, as its first bytes, a token that the agent received over the control connection for
// one stream, and each token is valid once. All others are closed and counted.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "flow/asio.hpp"
#include "flow/event.hpp"
#include "flow/stream.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "hvsock/agent/v1/agent.ttrpc.hpp"
#include "runtime_api/ttrpc/client.hpp"
#include "shim/vm/machine.hpp"

namespace shim {

class guest {
 public:
  using event_handler = std::function<void(const hvsock::agent::v1::Event&)>;

  // A stream that the agent was asked to connect. Its destruction revokes the token.
  class expected_stream {
   public:
    explicit expected_stream(guest& owner);
    expected_stream(const expected_stream&) = delete;
    expected_stream& operator=(const expected_stream&) = delete;
    ~expected_stream();

    const std::string& token() const noexcept { return token_; }

    // Returns the stream once the agent has connected it; errc::timed_out if it does not.
    flow::awaitable<flow::result<flow::stream>> claim();

   private:
    friend class guest;
    guest& owner_;
    std::string token_;
    std::optional<flow::stream> stream_;
  };

  // The arguments must outlive the object. `on_event` is called with every event from the guest.
  guest(const flow::asio::any_io_executor& executor, machine& from, event_handler on_event,
        flow::log& log);
  guest(const guest&) = delete;
  guest& operator=(const guest&) = delete;

  // Waits until the guest has booted and its agent has answered. Call it once.
  flow::awaitable<flow::result<void>> connect(std::chrono::steady_clock::duration deadline);

  // Client for calls to the agent; only after connect() has succeeded.
  const hvsock::agent::v1::agent_client& agent() const { return *agent_; }

  // Logs the agent's status.
  flow::awaitable<void> report();

  // Returns when the control connection is lost.
  flow::awaitable<void> wait_lost();

  // Closes the control connection; calls under way fail.
  void close();

  // Returns when no task is running any more; the machine must have ended.
  flow::awaitable<void> join();

  // Number of connections that were closed because they presented no valid token.
  std::uint64_t refused() const noexcept { return refused_; }

 private:
  flow::awaitable<void> accept_streams();
  flow::awaitable<void> admit(flow::stream stream);
  flow::awaitable<void> read_events();
  flow::awaitable<void> keep_clock();
  flow::awaitable<flow::result<void>> say_hello();
  void refuse(const char* why);

  flow::asio::any_io_executor executor_;
  machine& machine_;
  event_handler on_event_;
  flow::log& log_;
  std::unique_ptr<ttrpc::client> client_;
  std::optional<hvsock::agent::v1::agent_client> agent_;
  std::map<std::string, expected_stream*> expected_;
  std::size_t unproven_ = 0;  // connections that have not presented a token yet
  std::uint64_t refused_ = 0;
  bool closed_ = false;
  flow::event changed_;
  flow::task_group tasks_;
};

}  // namespace shim
