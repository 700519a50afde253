#include "runtime_api/ttrpc/server.hpp"

#include "runtime_api/ttrpc/server_connection.hpp"

namespace ttrpc {

using flow::awaitable;

server::server(const boost::asio::any_io_executor& executor, flow::log& log, limits allowed)
    : executor_(executor),
      log_(log),
      limits_(allowed),
      changed_(executor),
      tasks_(executor, [this](const std::string& name, const std::exception_ptr& failure) {
        log_.error("ttrpc server task failed", {{"task", name}, {"err", flow::describe(failure)}});
      }) {}

server::~server() = default;

void server::add_service(service& added) {
  add_service(added, std::string(added.name()));
}

void server::add_service(service& added, std::string name) {
  services_[std::move(name)] = &added;
}

void server::serve(std::unique_ptr<byte_stream> stream) {
  tasks_.spawn("connection", run(std::move(stream)));
}

awaitable<void> server::run(std::unique_ptr<byte_stream> stream) {
  if (stopped_) {
    stream->close();
    co_return;
  }
  server_connection connection(executor_, std::move(stream), services_, log_, limits_);
  connections_.insert(&connection);
  co_await connection.run();
  connections_.erase(&connection);
  changed_.notify_all();
}

awaitable<bool> server::shutdown(std::chrono::steady_clock::duration limit) {
  stopped_ = true;
  for (server_connection* connection : connections_) {
    connection->drain();
  }
  const auto drained = [this] { return connections_.empty(); };
  const bool in_time = co_await changed_.wait_for(limit, drained);
  close();
  co_await join();
  co_return in_time;
}

void server::close() {
  stopped_ = true;
  for (server_connection* connection : connections_) {
    connection->close();
  }
}

awaitable<void> server::join() {
  const auto drained = [this] { return connections_.empty(); };
  co_await changed_.wait(drained);
  co_await tasks_.join();
}

}  // namespace ttrpc
