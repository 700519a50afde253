#include "shim/sandbox/sandbox_service.hpp"

#include <chrono>
#include <optional>
#include <stop_token>

#include "flow/system/log_failures.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "shim/config/limits.hpp"
#include "shim/support/timestamp.hpp"

namespace shim {

using flow::awaitable;
using flow::error;
using flow::result;
using namespace std::chrono_literals;
using ttrpc::code;
namespace api = containerd::runtime::sandbox::v1;

namespace {

error unknown_sandbox(const std::string& id) {
  return {code::not_found, "sandbox " + id};
}

}  // namespace

sandbox_service::sandbox_service(const flow::asio::any_io_executor& executor, std::string id,
                                 sandbox& in, task_service& tasks,
                                 std::function<void()> on_shutdown, flow::log& log)
    : id_(std::move(id)),
      sandbox_(in),
      tasks_(tasks),
      on_shutdown_(std::move(on_shutdown)),
      log_(log),
      changed_(executor),
      background_(executor, flow::log_failures(log, "sandbox service")) {}

result<void> sandbox_service::check(const std::string& id) const {
  if (id != id_ || !created()) {
    return unknown_sandbox(id);
  }
  return {};
}

sandbox_service::answer<api::CreateSandboxResponse> sandbox_service::create_sandbox(
    context& /*call*/, const api::CreateSandboxRequest& request) {
  // Regardless of the requested id: a shim has only one sandbox.
  if (created()) {
    co_return error(code::already_exists, "sandbox " + id_);
  }
  if (request.sandbox_id() != id_) {
    co_return error(code::invalid_argument,
                    "this shim serves sandbox " + id_ + ", not " + request.sandbox_id());
  }
  // No root file system is mounted: the sandbox itself consists of its machine only.
  bundle_ = request.bundle_path();
  netns_path_ = request.netns_path();
  created_at_ = nanoseconds_now();
  background_.spawn("watch sandbox", watch());
  log_.info("create sandbox", {{"id", id_}, {"netns", netns_path_}});
  co_return api::CreateSandboxResponse();
}

sandbox_service::answer<api::StartSandboxResponse> sandbox_service::start_sandbox(
    context& /*call*/, const api::StartSandboxRequest& request) {
  if (auto checked = check(request.sandbox_id()); !checked) {
    co_return checked.error();
  }
  if (starting_ || pid_ != 0) {
    co_return error(code::failed_precondition, "sandbox " + id_ + " was already started");
  }
  starting_ = true;
  const auto booted = co_await sandbox_.ready();
  starting_ = false;
  if (!booted) {
    co_return error(booted.error()).in("start sandbox " + id_);
  }
  std::optional<std::string> network;
  if (!netns_path_.empty()) {
    network = netns_path_;
  }
  auto host = placeholder_process::start(network);
  if (!host) {
    co_return host.error();
  }
  host_ = std::move(host.value());
  pid_ = host_->pid();
  tasks_.set_sandbox_pid(pid_);
  tasks_.trim_soon();
  log_.info("start sandbox", {{"id", id_}, {"pid", pid_}});
  api::StartSandboxResponse response;
  response.set_pid(static_cast<std::uint32_t>(pid_));
  *response.mutable_created_at() = timestamp_at(created_at_);
  co_return response;
}

// Containers run on the guest's kernel, whose architecture is that of this program.
sandbox_service::answer<api::PlatformResponse> sandbox_service::platform(
    context& /*call*/, const api::PlatformRequest& request) {
  if (request.sandbox_id() != id_) {
    co_return unknown_sandbox(request.sandbox_id());
  }
  api::PlatformResponse response;
  response.mutable_platform()->set_os("linux");
  response.mutable_platform()->set_architecture("amd64");
  co_return response;
}

sandbox_service::answer<api::StopSandboxResponse> sandbox_service::stop_sandbox(
    context& /*call*/, const api::StopSandboxRequest& request) {
  if (auto checked = check(request.sandbox_id()); !checked) {
    co_return checked.error();
  }
  stopping_ = stopping_ || !sandbox_.lost();
  co_await tasks_.stop_all(std::chrono::seconds(request.timeout_secs()));
  co_await sandbox_.halt();
  const auto ended = [this] { return exited_at_ != 0; };
  co_await changed_.wait(ended);
  co_return api::StopSandboxResponse();
}

awaitable<void> sandbox_service::watch() {
  co_await sandbox_.wait_lost();
  exited_at_ = nanoseconds_now();
  exit_status_ = stopping_ ? 0 : limits::lost_status;
  host_.reset();
  log_.info("sandbox ended", {{"id", id_}, {"status", exit_status_}});
  changed_.notify_all();
}

sandbox_service::answer<api::WaitSandboxResponse> sandbox_service::wait_sandbox(
    context& call, const api::WaitSandboxRequest& request) {
  if (auto checked = check(request.sandbox_id()); !checked) {
    co_return checked.error();
  }
  const std::stop_callback wake(call.stop_token(), [this] { changed_.notify_all(); });
  const auto over = [this, &call] { return exited_at_ != 0 || call.cancelled(); };
  co_await changed_.wait(over);
  if (exited_at_ == 0) {
    co_return call.cancel_reason();
  }
  api::WaitSandboxResponse response;
  response.set_exit_status(exit_status_);
  *response.mutable_exited_at() = timestamp_at(exited_at_);
  co_return response;
}

sandbox_service::answer<api::SandboxStatusResponse> sandbox_service::sandbox_status(
    context& /*call*/, const api::SandboxStatusRequest& request) {
  if (auto checked = check(request.sandbox_id()); !checked) {
    co_return checked.error();
  }
  api::SandboxStatusResponse response;
  response.set_sandbox_id(id_);
  response.set_pid(static_cast<std::uint32_t>(pid_));
  response.set_state(ready() ? "SANDBOX_READY" : "SANDBOX_NOTREADY");
  *response.mutable_created_at() = timestamp_at(created_at_);
  *response.mutable_exited_at() = exited_at_ == 0 ? timestamp_never() : timestamp_at(exited_at_);
  if (request.verbose()) {
    auto& info = *response.mutable_info();
    info["bundle"] = bundle_;
    info["netns"] = netns_path_;
    info["containers"] = std::to_string(tasks_.count());
  }
  co_return response;
}

// Asks the guest itself, because a machine may hang.
sandbox_service::answer<api::PingResponse> sandbox_service::ping_sandbox(
    context& /*call*/, const api::PingRequest& request) {
  if (auto checked = check(request.sandbox_id()); !checked) {
    co_return checked.error();
  }
  if (!ready()) {
    co_return error(code::unavailable, "sandbox " + id_ + " is not ready");
  }
  const hvsock::agent::v1::StatusRequest wanted;
  const auto status = co_await sandbox_.agent().status(wanted, ttrpc::call_options(limits::query));
  if (!status) {
    co_return error(status.error()).in("ping sandbox " + id_);
  }
  co_return api::PingResponse();
}

// The guest kernel's counters for all containers together.
sandbox_service::answer<api::SandboxMetricsResponse> sandbox_service::sandbox_metrics(
    context& /*call*/, const api::SandboxMetricsRequest& request) {
  if (auto checked = check(request.sandbox_id()); !checked) {
    co_return checked.error();
  }
  if (!ready()) {
    co_return error(code::unavailable, "sandbox " + id_ + " is not ready");
  }
  const hvsock::agent::v1::StatsRequest wanted;
  const auto stats = co_await sandbox_.agent().stats(wanted, ttrpc::call_options(limits::query));
  if (!stats) {
    co_return error(stats.error()).in("metrics of sandbox " + id_);
  }
  // Decoded and encoded again, so that containerd gets this type regardless of what the guest sent.
  const auto& counted = stats.value().metrics();
  api::SandboxMetricsResponse response;
  auto& metrics = *response.mutable_metrics();
  *metrics.mutable_timestamp() = timestamp_now();
  metrics.set_id(id_);
  metrics.mutable_data()->set_type_url(counted.GetTypeName());
  counted.SerializeToString(metrics.mutable_data()->mutable_value());
  co_return response;
}

// containerd also calls this for a sandbox that was never created, or whose creation failed.
sandbox_service::answer<api::ShutdownSandboxResponse> sandbox_service::shutdown_sandbox(
    context& /*call*/, const api::ShutdownSandboxRequest& request) {
  if (request.sandbox_id() != id_) {
    co_return unknown_sandbox(request.sandbox_id());
  }
  stopping_ = stopping_ || !sandbox_.lost();
  co_await tasks_.stop_all(0s);
  on_shutdown_();
  co_return api::ShutdownSandboxResponse();
}

awaitable<void> sandbox_service::join() {
  co_await background_.join();
}

}  // namespace shim
