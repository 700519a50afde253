// Calls a task's shim directly, bypassing containerd, for calls that no client of containerd offers
// on its command line.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "containerd/task/v2/task.ttrpc.hpp"
#include "flow/asio.hpp"
#include "flow/system/log.hpp"
#include "runtime_api/ttrpc/client.hpp"

namespace e2e {

class shim_connection {
 public:
  using task_client = ::containerd::task::v2::task_client;

  // Connects to the shim that serves the task with this bundle.
  explicit shim_connection(const std::filesystem::path& bundle);

  // Connects to the shim that listens at `socket`, in a context shared with others, whose work
  // continues during a call. Calls are addressed to `service`.
  shim_connection(flow::asio::io_context& context, std::string socket,
                  std::string service = "containerd.task.v2.Task");
  shim_connection(const shim_connection&) = delete;
  shim_connection& operator=(const shim_connection&) = delete;
  ~shim_connection();

  // Client for other services, on the same connection.
  const ttrpc::client& client() const { return *client_; }
  flow::asio::any_io_executor executor() { return context_.get_executor(); }

  // Runs `work` to its end.
  void run(flow::awaitable<void> work);

  // Runs one call to its end: call([](const auto& task) { return task.state(request); }).
  template <class Call>
  auto call(Call make_call) {
    using result_type = typename decltype(make_call(*task_))::value_type;
    std::optional<result_type> result;
    run([&]() -> flow::awaitable<void> { result.emplace(co_await make_call(*task_)); }());
    return std::move(*result);
  }

 private:
  void connect(std::string socket, std::string service);

  std::unique_ptr<flow::asio::io_context> own_context_;
  flow::asio::io_context& context_;
  flow::log log_;
  std::unique_ptr<ttrpc::client> client_;
  std::unique_ptr<task_client> task_;
};

}  // namespace e2e
