#include "agent/session/service.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <stop_token>
#include <utility>

#include "agent/session/clock.hpp"
#include "agent/session/entropy.hpp"
#include "flow/system/file.hpp"
#include "flow/system/number.hpp"
#include "flow/system/split.hpp"
#include "runtime_api/guest/contract.hpp"
#include "runtime_api/ttrpc/status.hpp"

namespace agent {

using flow::awaitable;
using flow::error;
using flow::result;
using guest_contract::protocol_version;
using ttrpc::code;
namespace api = hvsock::agent::v1;

namespace {

// The answer to a call that returns nothing but its error.
template <class Response>
result<Response> answer_of(const result<void>& done) {
  return done ? result<Response>(Response()) : result<Response>(done.error());
}

// The answer to a call that has made a process.
template <class Response>
result<Response> answer_of(const result<pid_t>& pid) {
  if (!pid) {
    return pid.error();
  }
  Response response;
  response.set_pid(static_cast<std::uint32_t>(*pid));
  return response;
}

}  // namespace

service::service(containers& all, event_queue& events, boot_times times)
    : containers_(all), events_(events), times_(times) {}

service::answer<api::HelloResponse> service::hello(context& /*call*/,
                                                   const api::HelloRequest& request) {
  if (request.protocol() != protocol_version) {
    co_return error(code::unimplemented,
                    "shim uses protocol " + std::to_string(request.protocol()) +
                        ", this agent needs " + std::to_string(protocol_version) +
                        ": install the guest image that came with the shim");
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
  // Two listeners would take each other's events.
  if (std::exchange(event_stream_open_, true)) {
    co_return error(code::failed_precondition, "event stream already open");
  }
  const std::stop_callback wake(call.stop_token(), [this] { events_.changed().notify_all(); });
  const auto event_or_end = [&] { return call.cancelled() || !events_.empty(); };
  for (;;) {
    co_await events_.changed().wait(event_or_end);
    if (call.cancelled()) {
      break;
    }
    const auto sent = co_await out.write(events_.front());
    if (!sent) {
      event_stream_open_ = false;
      co_return sent;
    }
    events_.pop();
  }
  event_stream_open_ = false;
  co_return call.cancel_reason();
}

service::answer<api::CreateContainerResponse> service::create_container(
    context& /*call*/, const api::CreateContainerRequest& request) {
  container_files files;
  files.mounts = request.mounts();
  files.shares.assign(request.shares().begin(), request.shares().end());
  const auto pid = co_await containers_.create(request.container(), request.process(),
                                               request.spec(), request.stdio(), std::move(files));
  if (const auto& size = request.console_size(); pid && size.width() != 0) {
    static_cast<void>(containers_.resize(request.process(), size.width(), size.height()));
  }
  co_return answer_of<api::CreateContainerResponse>(pid);
}

service::answer<api::StartContainerResponse> service::start_container(
    context& /*call*/, const api::StartContainerRequest& request) {
  const auto started = co_await containers_.start(request.container());
  co_return answer_of<api::StartContainerResponse>(started);
}

service::answer<api::ExecResponse> service::exec(context& /*call*/,
                                                 const api::ExecRequest& request) {
  const auto pid = co_await containers_.exec(request.container(), request.process(), request.spec(),
                                             request.stdio());
  if (const auto& size = request.console_size(); pid && size.width() != 0) {
    static_cast<void>(containers_.resize(request.process(), size.width(), size.height()));
  }
  co_return answer_of<api::ExecResponse>(pid);
}

service::answer<api::KillResponse> service::kill(context& /*call*/,
                                                 const api::KillRequest& request) {
  if (request.signal() > guest_contract::last_signal) {
    co_return error(code::invalid_argument, "invalid signal " + std::to_string(request.signal()));
  }
  const auto killed = containers_.kill(request.container(), request.process(),
                                       static_cast<int>(request.signal()), request.all());
  co_return answer_of<api::KillResponse>(killed);
}

service::answer<api::ResizePtyResponse> service::resize_pty(context& /*call*/,
                                                            const api::ResizePtyRequest& request) {
  const auto& size = request.console_size();
  const auto resized = containers_.resize(request.process(), size.width(), size.height());
  co_return answer_of<api::ResizePtyResponse>(resized);
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
  co_return answer_of<api::DeleteProcessResponse>(removed);
}

service::answer<api::DeleteContainerResponse> service::delete_container(
    context& /*call*/, const api::DeleteContainerRequest& request) {
  const auto removed = co_await containers_.remove(request.container());
  co_return answer_of<api::DeleteContainerResponse>(removed);
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
  co_return answer_of<api::PauseResponse>(paused);
}

service::answer<api::ResumeResponse> service::resume(context& /*call*/,
                                                     const api::ResumeRequest& request) {
  const auto resumed = co_await containers_.resume(request.container());
  co_return answer_of<api::ResumeResponse>(resumed);
}

service::answer<api::UpdateResponse> service::update(context& /*call*/,
                                                     const api::UpdateRequest& request) {
  const auto updated = co_await containers_.update(request.container(), request.resources());
  co_return answer_of<api::UpdateResponse>(updated);
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
  std::string_view numbers = *statm;
  flow::split_front(numbers, ' ');
  const auto resident = flow::parse_number<std::uint64_t>(flow::split_front(numbers, ' '));
  response.set_resident_bytes(resident.value_or(0) *
                              static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  response.set_containers(static_cast<std::uint32_t>(containers_.container_count()));
  response.set_processes(static_cast<std::uint32_t>(containers_.process_count()));
  co_return response;
}

}  // namespace agent
