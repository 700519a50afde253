// Serves any number of services on any number of connections.
//
//   ttrpc::server server(executor, log);
//   server.add_service(task);                                // as containerd.task.v2.Task
//   server.add_service(task, "containerd.task.v3.Task");     // the same object, a second name
//   server.serve(make_byte_stream(std::move(socket)));
//   ...
//   co_await server.shutdown(5s);
//
// Every request runs in its own coroutine. Each connection owns its handlers: when it ends they are
// cancelled (see call_context.hpp), and it is destroyed when the last of them has returned. A
// handler that throws is answered with internal and logged; the connection continues.
//
// Lifetime: services and log must outlive the server. The server must be joined before it is
// destroyed; join() and shutdown() return only when every handler has returned, so handlers must
// react to cancellation. Thread rule: the executor's one thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <set>
#include <string>

#include "flow/asio.hpp"
#include "flow/event.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "runtime_api/ttrpc/byte_stream.hpp"
#include "runtime_api/ttrpc/limits.hpp"
#include "runtime_api/ttrpc/service.hpp"
#include "runtime_api/ttrpc/service_map.hpp"

namespace ttrpc {

class server_connection;

class server {
 public:
  server(const boost::asio::any_io_executor& executor, flow::log& log, limits allowed = limits());
  server(const server&) = delete;
  server& operator=(const server&) = delete;
  ~server();

  // Call before the first connection. A second service of the same name replaces the first.
  void add_service(service& added);
  void add_service(service& added, std::string name);

  // Serves one connection in the background. After shutdown() or close() it is closed at once.
  void serve(std::unique_ptr<byte_stream> stream);

  // Serves one connection; returns when it has ended and its handlers have returned.
  flow::awaitable<void> run(std::unique_ptr<byte_stream> stream);

  // Orderly: takes no new connections and no new requests (they are answered with unavailable),
  // lets calls in progress finish and their responses be sent, then closes. Whatever takes longer
  // than `limit` is cut off as by close(). True if nothing had to be.
  flow::awaitable<bool> shutdown(std::chrono::steady_clock::duration limit);

  // Immediate: closes every connection and cancels every handler. Call join() afterwards.
  void close();

  // Returns when no connection and no handler is left. Does not end them.
  flow::awaitable<void> join();

  std::size_t connections() const noexcept { return connections_.size(); }

 private:
  boost::asio::any_io_executor executor_;
  flow::log& log_;
  limits limits_;
  service_map services_;
  std::set<server_connection*> connections_;
  bool stopped_ = false;
  flow::event changed_;
  flow::task_group tasks_;
};

}  // namespace ttrpc
