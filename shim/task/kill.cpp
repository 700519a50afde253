// Kill: sends a signal to a process, or to every process of a container.
#include <csignal>

#include "runtime_api/guest/contract.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "shim/config/limits.hpp"
#include "shim/task/agent_call.hpp"
#include "shim/task/service.hpp"

namespace shim {

using flow::awaitable;
using flow::error;
using flow::result;
using ttrpc::code;
namespace api = containerd::task::v2;

task_service::answer<task_service::empty> task_service::kill(context& /*call*/,
                                                             const api::KillRequest& request) {
  // Until the guest has booted, a container that is being created is not found, as in all other
  // calls; boot_timeout limits that wait. If the guest hangs later, it must still be killable.
  const auto which = sandbox_.is_ready() ? visibility::any : visibility::known;
  const auto located = find_process(request.id(), request.exec_id(), which);
  if (!located) {
    co_return located.error();
  }
  const auto& [owner, p] = located.value();
  if (request.signal() > guest_contract::last_signal) {
    co_return error(code::invalid_argument, "signal " + std::to_string(request.signal()));
  }
  const auto effect = can_kill(owner->standing_of(*p), request.signal(), owner->id());
  // This also applies to a process that has exited: its exit must no longer wait for its reader.
  if (request.signal() == SIGKILL && p->streams) {
    p->streams->expedite();
  }
  if (!effect) {
    co_return effect.error();
  }
  switch (effect.value()) {
    case kill_effect::none:
      break;
    case kill_effect::abort_create:
      abort_create(*owner);
      break;
    case kill_effect::send: {
      const auto killed = co_await send_signal(*owner, p, request.signal(), request.all());
      if (!killed) {
        co_return killed.error();
      }
      break;
    }
  }
  co_return empty();
}

// A machine that exists only for this container is killed with it. In a pod, the guest has until
// Create's deadline, and the container is deleted in the guest afterwards.
void task_service::abort_create(container& c) {
  c.init()->killed = true;
  if (containers_.size() == 1 && sandbox_pid_ == 0) {
    sandbox_.kill("container " + c.id() + " was killed during Create");
  }
}

awaitable<result<void>> task_service::send_signal(const container& c, std::shared_ptr<process> p,
                                                  std::uint32_t signal, bool all) {
  if (signal == SIGKILL) {
    p->killed = true;
    background_.spawn("enforce kill", enforce_kill(p));
  }
  hvsock::agent::v1::KillRequest request;
  request.set_container(c.number());
  request.set_process(p->number);
  request.set_signal(signal);
  request.set_all(all);
  const agent_call limit(limits::signal_process, "kill " + c.id());
  const auto killed = co_await sandbox_.agent().kill(request, limit.options());
  // SIGKILL succeeds even if the guest does not answer: enforce_kill() then kills the machine.
  if (!killed && (signal != SIGKILL || killed.error().code() == code::not_found)) {
    co_return limit.failed(killed.error());
  }
  co_return result<void>();
}

awaitable<void> task_service::enforce_kill(std::shared_ptr<process> p) {
  const auto exited = [p] { return p->life.has_exited(); };
  const bool in_time = co_await p->changed.wait_for(limits::survive_kill, exited);
  if (!in_time) {
    sandbox_.kill("a process survived SIGKILL");
  }
}

}  // namespace shim
