#include "tests/e2e/harness/shim_connection.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>

#include "flow/file.hpp"
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

}  // namespace

shim_connection::shim_connection(const std::filesystem::path& bundle)
    : context_(1), log_(STDERR_FILENO) {
  run([](shim_connection& self, std::string path) -> flow::awaitable<void> {
    auto stream = co_await ttrpc::connect_unix(path);
    if (!stream) {
      ADD_FAILURE() << stream.error().message();
      co_return;
    }
    self.client_ = std::make_unique<ttrpc::client>(self.context_.get_executor(),
                                                   std::move(stream.value()), self.log_);
    self.task_ = std::make_unique<task_client>(*self.client_);
  }(*this, socket_of(bundle)));
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
