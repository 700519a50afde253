// containerd's Sandbox service: the virtual machine as an object of its own, which exists before
// its first container and after its last.
//
//   none --CreateSandbox--> created --StartSandbox--> ready --StopSandbox, or lost--> ended
//
// In any case the machine boots as soon as the shim starts; StartSandbox waits for it. Without
// CreateSandbox the shim belongs to a task and ends with its last one; with it, only
// ShutdownSandbox ends the shim.
//
// A shim serves one sandbox: any other id is not_found.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "containerd/runtime/sandbox/v1/sandbox.ttrpc.hpp"
#include "flow/event.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "shim/sandbox/sandbox.hpp"
#include "shim/support/placeholder_process.hpp"
#include "shim/task/service.hpp"

namespace shim {

class sandbox_service final : public containerd::runtime::sandbox::v1::sandbox_service {
 public:
  // `id` is the sandbox's. `on_shutdown` is called when containerd has asked the shim to end. All
  // arguments must outlive the object.
  sandbox_service(const flow::asio::any_io_executor& executor, std::string id, sandbox& in,
                  task_service& tasks, std::function<void()> on_shutdown, flow::log& log);

  // A sandbox was created; only ShutdownSandbox ends the shim.
  bool created() const noexcept { return created_at_ != 0; }

  // Returns when no task is running any more; the sandbox must have been stopped.
  flow::awaitable<void> join();

 private:
  template <class Response>
  using answer = flow::awaitable<flow::result<Response>>;
  using context = ttrpc::call_context;

  answer<containerd::runtime::sandbox::v1::CreateSandboxResponse> create_sandbox(
      context& call,
      const containerd::runtime::sandbox::v1::CreateSandboxRequest& request) override;
  answer<containerd::runtime::sandbox::v1::StartSandboxResponse> start_sandbox(
      context& call, const containerd::runtime::sandbox::v1::StartSandboxRequest& request) override;
  answer<containerd::runtime::sandbox::v1::PlatformResponse> platform(
      context& call, const containerd::runtime::sandbox::v1::PlatformRequest& request) override;
  answer<containerd::runtime::sandbox::v1::StopSandboxResponse> stop_sandbox(
      context& call, const containerd::runtime::sandbox::v1::StopSandboxRequest& request) override;
  answer<containerd::runtime::sandbox::v1::WaitSandboxResponse> wait_sandbox(
      context& call, const containerd::runtime::sandbox::v1::WaitSandboxRequest& request) override;
  answer<containerd::runtime::sandbox::v1::SandboxStatusResponse> sandbox_status(
      context& call,
      const containerd::runtime::sandbox::v1::SandboxStatusRequest& request) override;
  answer<containerd::runtime::sandbox::v1::PingResponse> ping_sandbox(
      context& call, const containerd::runtime::sandbox::v1::PingRequest& request) override;
  answer<containerd::runtime::sandbox::v1::SandboxMetricsResponse> sandbox_metrics(
      context& call,
      const containerd::runtime::sandbox::v1::SandboxMetricsRequest& request) override;
  answer<containerd::runtime::sandbox::v1::ShutdownSandboxResponse> shutdown_sandbox(
      context& call,
      const containerd::runtime::sandbox::v1::ShutdownSandboxRequest& request) override;

  flow::result<void> check(const std::string& id) const;  // not_found unless it was created
  flow::awaitable<void> watch();
  bool ready() const noexcept { return host_ != nullptr && !sandbox_.lost(); }

  std::string id_;
  sandbox& sandbox_;
  task_service& tasks_;
  std::function<void()> on_shutdown_;
  flow::log& log_;
  std::string bundle_;
  std::string netns_path_;
  bool starting_ = false;
  bool stopping_ = false;                      // containerd asked for its end
  pid_t pid_ = 0;                              // host_'s, kept after its end
  std::unique_ptr<placeholder_process> host_;  // represents the sandbox
  std::int64_t created_at_ = 0;                // nanoseconds since the Unix epoch
  std::int64_t exited_at_ = 0;                 // 0: not ended
  std::uint32_t exit_status_ = 0;
  flow::event changed_;
  flow::task_group background_;
};

}  // namespace shim
