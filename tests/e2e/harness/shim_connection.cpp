#include "tests/e2e/harness/shim_connection.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>

#include "flow/system/file.hpp"
#include "runtime_api/ttrpc/unix_socket.hpp"

namespace e2e {

namespace {

std::string socket_of(const std::filesystem::path& bundle) {
  const auto address = flow::read_file(bundle / "address");
  if (!address) {
    ADD_FAILURE() << address.error().message();
    return {};
  }
  return address.value().substr(std::string("unix://").size());
}

flow::awaitable<void> connect_to(std::string socket, std::unique_ptr<ttrpc::byte_stream>& to) {
  auto stream = co_await ttrpc::connect_unix(socket);
  if (!stream) {
    ADD_FAILURE() << stream.error().message();
    co_return;
  }
  to = std::move(stream.value());
}

}  // namespace

shim_connection::shim_connection(const std::filesystem::path& bundle)
    : own_context_(std::make_unique<flow::asio::io_context>(1)),
      context_(*own_context_),
      log_(STDERR_FILENO) {
  connect(socket_of(bundle), "containerd.task.v2.Task");
}

shim_connection::shim_connection(flow::asio::io_context& context, std::string socket,
                                 std::string service)
    : context_(context), log_(STDERR_FILENO) {
  connect(std::move(socket), std::move(service));
}

void shim_connection::connect(std::string socket, std::string service) {
  std::unique_ptr<ttrpc::byte_stream> stream;
  run(connect_to(std::move(socket), stream));
  if (stream) {
    client_ = std::make_unique<ttrpc::client>(context_.get_executor(), std::move(stream), log_);
    task_ = std::make_unique<task_client>(*client_, std::move(service));
  }
}

shim_connection::~shim_connection() {
  if (!client_) {
    return;
  }
  client_->close();
  run(client_->join());
}

void shim_connection::run(flow::awaitable<void> work) {
  bool done = false;
  boost::asio::co_spawn(context_, std::move(work), [&](const std::exception_ptr& failure) {
    done = true;
    if (failure) {
      std::rethrow_exception(failure);
    }
  });
  context_.restart();
  while (!done) {
    context_.run_one();
  }
}

}  // namespace e2e
