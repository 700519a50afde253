#include "tests/support/fake_containerd.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <stop_token>

#include "runtime_api/ttrpc/status.hpp"

namespace tests {

using flow::awaitable;

flow::unique_fd listen_at(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  EXPECT_LT(path.size(), sizeof(address.sun_path));
  std::memcpy(address.sun_path, path.data(), path.size());
  flow::unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(::listen(fd.get(), SOMAXCONN), 0);
  return fd;
}

fake_containerd::fake_containerd(boost::asio::any_io_executor executor, const std::string& path)
    : path_(path),
      log_(-1),
      server_(executor, log_),
      changed_(executor),
      tasks_(executor, [](const std::string& name, const std::exception_ptr& failure) {
        ADD_FAILURE() << name << ": " << flow::describe(failure);
      }) {
  server_.add_service(*this);
  listener_ = std::make_unique<ttrpc::unix_listener>(executor, listen_at(path), server_, log_);
  tasks_.spawn("listen", listener_->run());
}

awaitable<void> fake_containerd::stop() {
  listener_->close();
  server_.close();
  ::unlink(path_.c_str());
  co_await server_.join();
  co_await tasks_.join();
}

awaitable<flow::result<google::protobuf::Empty>> fake_containerd::forward(
    ttrpc::call_context& context, const request& what) {
  ++calls;
  changed_.notify_all();
  const std::stop_callback wake(context.stop_token(), [this] { changed_.notify_all(); });
  while (hold && !context.cancelled()) {
    co_await changed_.wait();
  }
  if (context.cancelled()) {
    co_return context.cancel_reason();
  }
  if (refuse > 0) {
    --refuse;
    co_return flow::error(ttrpc::code::unavailable, "not now");
  }
  taken.push_back(what);
  namespaces.emplace_back(context.metadata("containerd-namespace-ttrpc").value_or(""));
  changed_.notify_all();
  co_return google::protobuf::Empty();
}

void fake_containerd::answer() {
  hold = false;
  changed_.notify_all();
}

awaitable<void> fake_containerd::until_taken(std::size_t n) {
  while (taken.size() < n) {
    co_await changed_.wait();
  }
}

awaitable<void> fake_containerd::until_called(std::size_t n) {
  while (calls < n) {
    co_await changed_.wait();
  }
}

std::vector<std::string> fake_containerd::topics() const {
  std::vector<std::string> all;
  for (const auto& one : taken) {
    all.push_back(one.envelope().topic());
  }
  return all;
}

}  // namespace tests
