// State, Pids, Wait: what is known of a container's processes.
#include <stop_token>

#include "containerd/runc/v1/oci.pb.h"
#include "runtime_api/ttrpc/status.hpp"
#include "shim/task/service.hpp"
#include "shim/timestamp.hpp"

namespace shim {

using flow::error;
using namespace std::chrono_literals;
using ttrpc::code;
namespace api = containerd::task::v2;

namespace {

constexpr auto answer_deadline = 5s;

containerd::v1::types::Status status_of(const process& p) {
  switch (p.state) {
    case process::status::created:
      return containerd::v1::types::CREATED;
    case process::status::running:
      return containerd::v1::types::RUNNING;
    case process::status::stopped:
      return containerd::v1::types::STOPPED;
  }
  return containerd::v1::types::UNKNOWN;
}

void add_process(api::PidsResponse& to, pid_t pid, const process* known) {
  auto& one = *to.add_processes();
  one.set_pid(static_cast<std::uint32_t>(pid));
  if (known != nullptr && !known->is_init()) {
    containerd::runc::v1::ProcessDetails details;
    details.set_exec_id(known->exec_id);
    one.mutable_info()->set_type_url(details.GetTypeName());
    details.SerializeToString(one.mutable_info()->mutable_value());
  }
}

}  // namespace

task_service::answer<api::StateResponse> task_service::state(context& /*call*/,
                                                             const api::StateRequest& request) {
  const auto located = find_process(request.id(), request.exec_id());
  if (!located) {
    co_return located.error();
  }
  const process& p = *located.value().found;
  api::StateResponse response;
  // Of an exec, containerd's own shim gives the exec's id here and leaves exec_id empty.
  response.set_id(p.is_init() ? request.id() : p.exec_id);
  response.set_bundle(located.value().owner->bundle().string());
  response.set_pid(static_cast<std::uint32_t>(p.pid));
  response.set_status(status_of(p));
  response.set_stdin(p.stdio.in);
  response.set_stdout(p.stdio.out);
  response.set_stderr(p.stdio.err);
  response.set_terminal(p.stdio.terminal);
  response.set_exit_status(p.exit_status);
  const bool stopped = p.state == process::status::stopped;
  *response.mutable_exited_at() = stopped ? timestamp_at(p.exited_at) : timestamp_never();
  co_return response;
}

task_service::answer<api::WaitResponse> task_service::wait(context& call,
                                                           const api::WaitRequest& request) {
  const auto located = find_process(request.id(), request.exec_id());
  if (!located) {
    co_return located.error();
  }
  const auto p = located.value().found;
  const std::stop_callback wake(call.stop_token(), [p] { p->changed.notify_all(); });
  while (p->state != process::status::stopped && !p->failed && !call.cancelled()) {
    co_await p->changed.wait();
  }
  if (call.cancelled()) {
    co_return call.cancel_reason();
  }
  api::WaitResponse response;
  response.set_exit_status(p->exit_status);
  if (p->exited_at != 0) {
    *response.mutable_exited_at() = timestamp_at(p->exited_at);
  }
  co_return response;
}

task_service::answer<api::PidsResponse> task_service::pids(context& /*call*/,
                                                           const api::PidsRequest& request) {
  const auto found = find_container(request.id());
  if (!found) {
    co_return found.error();
  }
  const auto c = found.value();
  api::PidsResponse response;
  if (c->init()->state != process::status::stopped) {
    hvsock::agent::v1::PidsRequest wanted;
    wanted.set_container(c->number());
    const auto pids = co_await sandbox_.agent().pids(wanted, ttrpc::call_options(answer_deadline));
    if (pids) {
      for (const auto& listed : pids.value().processes()) {
        const process* known = listed.process() == c->init()->number ? c->init().get() : nullptr;
        for (const auto& [exec_id, p] : c->execs()) {
          if (p->number == listed.process()) {
            known = p.get();
          }
        }
        add_process(response, known != nullptr ? known->pid : static_cast<pid_t>(listed.pid()),
                    known);
      }
    }
  }
  // Never empty: containerd takes a task without processes for one that was left behind.
  if (response.processes().empty()) {
    add_process(response, c->init()->pid, nullptr);
  }
  co_return response;
}

}  // namespace shim
