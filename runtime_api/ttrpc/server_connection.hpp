// One connection of a server: reads requests, runs their methods, enforces the protocol's rules.
//
// Lifetime: services, log and limits must outlive the connection; run() must have returned before
// it is destroyed. Thread rule: one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "runtime_api/ttrpc/byte_stream.hpp"
#include "runtime_api/ttrpc/connection.hpp"
#include "runtime_api/ttrpc/limits.hpp"
#include "runtime_api/ttrpc/server_call.hpp"
#include "runtime_api/ttrpc/service_map.hpp"
#include "ttrpc/ttrpc.pb.h"

namespace ttrpc {

class server_connection {
 public:
  server_connection(const boost::asio::any_io_executor& executor,
                    std::unique_ptr<byte_stream> stream, const service_map& services,
                    flow::log& log, const limits& allowed);

  // Returns when the connection has ended and every method has returned. Call once.
  flow::awaitable<void> run();

  // Takes no new requests, and closes when every call has been answered and the answers are sent.
  void drain();

  // Closes immediately; cancels every method.
  void close();

 private:
  struct target {
    service* served = nullptr;
    const method* called = nullptr;
  };

  flow::awaitable<void> read_frames();
  void on_request(const message& received);
  flow::awaitable<void> on_data(message received);
  flow::result<target> find(const Request& request) const;
  void start(std::uint32_t id, Request request, const target& to, bool more);
  flow::awaitable<void> run_call(std::shared_ptr<server_call> call, service& served);
  flow::awaitable<flow::result<void>> invoke(service& served, server_call& call);
  flow::awaitable<void> close_when_idle();
  void refuse(std::uint32_t id, const flow::error& reason);
  void abort(server_call& call, const flow::error& reason);

  boost::asio::any_io_executor executor_;
  const service_map& services_;
  flow::log& log_;
  const limits& limits_;
  connection connection_;
  std::uint32_t last_id_ = 0;
  bool draining_ = false;
  std::unordered_map<std::uint32_t, std::shared_ptr<server_call>> calls_;  // not yet answered
  flow::task_group tasks_;
};

}  // namespace ttrpc
