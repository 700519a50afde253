// Pids: the processes of a container.
#include <algorithm>
#include <vector>

#include "containerd/runc/v1/oci.pb.h"
#include "shim/config/limits.hpp"
#include "shim/task/agent_call.hpp"
#include "shim/task/service.hpp"

namespace shim {

namespace api = containerd::task::v2;

namespace {

void add_process(api::PidsResponse& to, pid_t pid) {
  to.add_processes()->set_pid(static_cast<std::uint32_t>(pid));
}

void add_exec(api::PidsResponse& to, const process& exec) {
  auto& one = *to.add_processes();
  one.set_pid(static_cast<std::uint32_t>(exec.pid));
  containerd::runc::v1::ProcessDetails details;
  details.set_exec_id(exec.exec_id);
  one.mutable_info()->set_type_url(details.GetTypeName());
  details.SerializeToString(one.mutable_info()->mutable_value());
}

}  // namespace

task_service::answer<api::PidsResponse> task_service::pids(context& call,
                                                           const api::PidsRequest& request) {
  const auto found = find_container(request.id());
  if (!found) {
    co_return found.error();
  }
  const auto c = found.value();
  hvsock::agent::v1::PidsResponse listed;
  if (c->init()->life.now() != process_state::stopped) {
    hvsock::agent::v1::PidsRequest wanted;
    wanted.set_container(c->number());
    const agent_call limit(limits::query, "pids of " + c->id(), call);
    auto pids = co_await sandbox_.agent().pids(wanted, limit.options());
    if (pids) {
      listed = std::move(pids.value());
    }
  }
  // The task itself comes first, and is always listed: containerd takes a task without processes
  // for a leftover.
  api::PidsResponse response;
  add_process(response, c->init()->pid);
  for (const auto& one : listed.processes()) {
    const auto exec = std::find_if(c->execs().begin(), c->execs().end(), [&](const auto& entry) {
      return entry.second->number == one.process();
    });
    if (exec != c->execs().end() && exec->second->pid != 0) {
      add_exec(response, *exec->second);
    } else if (one.process() == 0 && one.pid() != 0) {
      add_process(response, static_cast<pid_t>(one.pid()));
    }
  }
  co_return response;
}

}  // namespace shim
