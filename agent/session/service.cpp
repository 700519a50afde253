#include "agent/session/service.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <stop_token>
#include <utility>

#include "agent/session/clock.hpp"
#include "agent/session/entropy.hpp"
#include "flow/system/file.hpp"
#include "runtime_api/guest/contract.hpp"
#include "runtime_api/ttrpc/status.hpp"

namespace agent {

using flow::awaitable;
using flow::error;
using flow::result;
using guest_contract::protocol_version;
using ttrpc::code;
namespace api = hvsock::agent::v1;

service::service(containers& all, event_queue& events, boot_times times)
    : containers_(all), events_(events), times_(times) {}

service::answer<api::HelloResponse> service::hello(context& /*call*/,
                                                   const api::HelloRequest& request) {
  if (request.protocol() != protocol_version) {
    co_return error(code::unimplemented,
                    "this agent speaks protocol " + std::to_string(protocol_version) +
                        ", the shim speaks " + std::to_string(request.protocol()));
  }
  if (auto set = set_wall_clock(request.wall_clock()); !set) {
    co_return set.error();
  }
  if (auto seeded = add_entropy(request.entropy()); !seeded) {
    co_return seeded.error();
  }
  const auto& name = request.host_name();
  if (!name.empty() && ::sethostname(name.data(), name.size()) != 0) {
    co_return flow::system_error("set host name");
  }
  api::HelloResponse response;
  response.set_protocol(protocol_version);
  response.set_agent_version(HVSOCK_VERSION);
  utsname kernel{};
  ::uname(&kernel);
  response.set_kernel_release(kernel.release);
  response.set_init_entered(times_.init_entered_ms);
  response.set_connected(times_.connected_ms);
  co_return response;
}

awaitable<result<void>> service::events(context& call, const api::EventsRequest& /*request*/,
                                        ttrpc::stream_writer<api::Event> out) {
  // Two would take each other's events.
  if (std::exchange(events_taken_, true)) {
    co_return error(code::failed_precondition, "somebody listens to the events already");
  }
  const std::stop_callback wake(call.stop_token(), [this] { events_.changed().notify_all(); });
  while (!call.cancelled()) {
    if (events_.empty()) {
      co_await events_.changed().wait();
      continue;
    }
    const auto sent = co_await out.write(events_.front());
    if (!sent) {
      events_taken_ = false;
      co_return sent;
    }
    events_.pop();
  }
  events_taken_ = false;
  co_return call.cancel_reason();
}

service::answer<api::CreateContainerResponse> service::create_container(
    context& /*call*/, const api::CreateContainerRequest& request) {
  container_files files;
  files.mounts = request.mounts();
  files.shares.assign(request.shares().begin(), request.shares().end());
  const auto pid = co_await containers_.create(request.container(), request.process(),
                                               request.spec(), request.stdio(), std::move(files));
  if (!pid) {
    co_return pid.error();
  }
  const auto& size = request.console_size();
  if (size.width() != 0) {
    static_cast<void>(containers_.resize(request.process(), size.width(), size.height()));
  }
  api::CreateContainerResponse response;
  response.set_pid(static_cast<std::uint32_t>(pid.value()));
  co_return response;
}

service::answer<api::StartContainerResponse> service::start_container(
    context& /*call*/, const api::StartContainerRequest& request) {
  const auto started = co_await containers_.start(request.container());
  if (!started) {
    co_return started.error();
  }
  co_return api::StartContainerResponse();
}

service::answer<api::ExecResponse> service::exec(context& /*call*/,
                                                 const api::ExecRequest& request) {
  const auto pid = co_await containers_.exec(request.container(), request.process(), request.spec(),
                                             request.stdio());
  if (!pid) {
    co_return pid.error();
  }
  const auto& size = request.console_size();
  if (size.width() != 0) {
    static_cast<void>(containers_.resize(request.process(), size.width(), size.height()));
  }
  api::ExecResponse response;
  response.set_pid(static_cast<std::uint32_t>(pid.value()));
  co_return response;
}

service::answer<api::KillResponse> service::kill(context& /*call*/,
                                                 const api::KillRequest& request) {
  if (request.signal() > guest_contract::last_signal) {
    co_return error(code::invalid_argument, "invalid signal " + std::to_string(request.signal()));
  }
  const auto killed = containers_.kill(request.container(), request.process(),
                                       static_cast<int>(request.signal()), request.all());
  if (!killed) {
    co_return killed.error();
  }
  co_return api::KillResponse();
}

service::answer<api::ResizePtyResponse> service::resize_pty(context& /*call*/,
                                                            const api::ResizePtyRequest& request) {
  const auto& size = request.console_size();
  const auto resized = containers_.resize(request.process(), size.width(), size.height());
  if (!resized) {
    co_return resized.error();
  }
  co_return api::ResizePtyResponse();
}

service::answer<api::PidsResponse> service::pids(context& /*call*/,
                                                 const api::PidsRequest& request) {
  const auto pids = containers_.pids(request.container());
  if (!pids) {
    co_return pids.error();
  }
  api::PidsResponse response;
  for (const auto& p : pids.value()) {
    auto& one = *response.add_processes();
    one.set_pid(static_cast<std::uint32_t>(p.pid));
    one.set_process(p.process);
  }
  co_return response;
}

service::answer<api::DeleteProcessResponse> service::delete_process(
    context& /*call*/, const api::DeleteProcessRequest& request) {
  const auto removed = containers_.remove_process(request.process());
  if (!removed) {
    co_return removed.error();
  }
  co_return api::DeleteProcessResponse();
}

service::answer<api::DeleteContainerResponse> service::delete_container(
    context& /*call*/, const api::DeleteContainerRequest& request) {
  const auto removed = co_await containers_.remove(request.container());
  if (!removed) {
    co_return removed.error();
  }
  co_return api::DeleteContainerResponse();
}

service::answer<api::SetClockResponse> service::set_clock(context& /*call*/,
                                                          const api::SetClockRequest& request) {
  const auto offset = set_wall_clock(request.wall_clock());
  if (!offset) {
    co_return offset.error();
  }
  api::SetClockResponse response;
  response.set_offset(offset.value());
  co_return response;
}

service::answer<api::PauseResponse> service::pause(context& /*call*/,
                                                   const api::PauseRequest& request) {
  const auto paused = co_await containers_.pause(request.container());
  if (!paused) {
    co_return paused.error();
  }
  co_return api::PauseResponse();
}

service::answer<api::ResumeResponse> service::resume(context& /*call*/,
                                                     const api::ResumeRequest& request) {
  const auto resumed = co_await containers_.resume(request.container());
  if (!resumed) {
    co_return resumed.error();
  }
  co_return api::ResumeResponse();
}

service::answer<api::UpdateResponse> service::update(context& /*call*/,
                                                     const api::UpdateRequest& request) {
  const auto updated = co_await containers_.update(request.container(), request.resources());
  if (!updated) {
    co_return updated.error();
  }
  co_return api::UpdateResponse();
}

service::answer<api::StatsResponse> service::stats(context& /*call*/,
                                                   const api::StatsRequest& request) {
  auto metrics = containers_.metrics(request.container());
  if (!metrics) {
    co_return metrics.error();
  }
  api::StatsResponse response;
  *response.mutable_metrics() = std::move(metrics.value());
  co_return response;
}

service::answer<api::StatusResponse> service::status(context& /*call*/,
                                                     const api::StatusRequest& /*request*/) {
  api::StatusResponse response;
  // The second number of statm is the resident size in pages.
  const auto statm = flow::read_file("/proc/self/statm");
  if (!statm) {
    co_return statm.error();
  }
  const auto resident = statm.value().find(' ') + 1;
  response.set_resident_bytes(std::strtoull(statm.value().c_str() + resident, nullptr, 10) *
                              static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  response.set_containers(static_cast<std::uint32_t>(containers_.container_count()));
  response.set_processes(static_cast<std::uint32_t>(containers_.process_count()));
  co_return response;
}

}  // namespace agent
