// Kill: a signal for a process, or for every process of a container.
#include <csignal>

#include "runtime_api/guest/contract.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "shim/config/limits.hpp"
#include "shim/task/service.hpp"

namespace shim {

using flow::awaitable;
using flow::error;
using flow::result;
using ttrpc::code;
namespace api = containerd::task::v2;

task_service::answer<task_service::empty> task_service::kill(context& /*call*/,
                                                             const api::KillRequest& request) {
  const auto located = find_process(request.id(), request.exec_id());
  if (!located) {
    co_return located.error();
  }
  const auto& [owner, p] = located.value();
  if (request.signal() > guest_contract::last_signal) {
    co_return error(code::invalid_argument, "signal " + std::to_string(request.signal()));
  }
  const bool forced = request.signal() == SIGKILL;
  if (forced && p->streams) {
    p->streams->expedite();
  }
  // Between its exit and the moment that is told a process counts as running, so SIGKILL succeeds.
  if (p->exited && forced && p->state != process::status::stopped) {
    co_return empty();
  }
  if (p->state == process::status::stopped || p->exited || p->failed) {
    co_return error(code::not_found, "process already finished");
  }
  if (!p->is_init() && !p->started) {
    co_return error(code::failed_precondition, "process not created");
  }
  const auto killed = co_await kill_process(*owner, p, request.signal(), request.all());
  if (!killed) {
    co_return killed.error();
  }
  co_return empty();
}

awaitable<result<void>> task_service::kill_process(const container& c, std::shared_ptr<process> p,
                                                   std::uint32_t signal, bool all) {
  if (signal == SIGKILL) {
    p->killed = true;
    background_.spawn("enforce kill", enforce_kill(p));
  }
  hvsock::agent::v1::KillRequest wanted;
  wanted.set_container(c.number());
  wanted.set_process(p->number);
  wanted.set_signal(signal);
  wanted.set_all(all);
  const auto killed =
      co_await sandbox_.agent().kill(wanted, ttrpc::call_options(limits::signal_process));
  // A guest that does not answer dies of SIGKILL all the same, see enforce_kill().
  if (!killed && (signal != SIGKILL || killed.error().code() == code::not_found)) {
    co_return killed.error();
  }
  co_return result<void>();
}

awaitable<void> task_service::enforce_kill(std::shared_ptr<process> p) {
  const auto exited = [p] { return p->exited; };
  const bool in_time = co_await p->changed.wait_for(limits::survive_kill, exited);
  if (!in_time) {
    sandbox_.kill("a process survived SIGKILL");
  }
}

}  // namespace shim
