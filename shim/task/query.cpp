// State and Wait: return what the shim knows of a process.
#include <stop_token>

#include "shim/support/timestamp.hpp"
#include "shim/task/service.hpp"

namespace shim {

namespace api = containerd::task::v2;

namespace {

containerd::v1::types::Status status_of_running(freezer_state freezer) {
  switch (freezer) {
    case freezer_state::thawed:
      return containerd::v1::types::RUNNING;
    case freezer_state::freezing:
      return containerd::v1::types::PAUSING;
    case freezer_state::frozen:
    case freezer_state::thawing:
      return containerd::v1::types::PAUSED;
  }
  return containerd::v1::types::UNKNOWN;
}

containerd::v1::types::Status status_of(const standing& s) {
  switch (s.process) {
    case process_state::creating:
    case process_state::created:
    case process_state::starting:
    case process_state::failed:
      return containerd::v1::types::CREATED;
    case process_state::running:
    case process_state::exited:
      return status_of_running(s.freezer);
    case process_state::stopped:
      return containerd::v1::types::STOPPED;
  }
  return containerd::v1::types::UNKNOWN;
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
  // For an exec, containerd's own shim puts the exec's id here and leaves exec_id empty.
  response.set_id(p.is_init() ? request.id() : p.exec_id);
  response.set_bundle(located.value().owner->bundle().string());
  response.set_pid(static_cast<std::uint32_t>(p.pid));
  response.set_status(status_of(located.value().owner->standing_of(p)));
  response.set_stdin(p.stdio.in);
  response.set_stdout(p.stdio.out);
  response.set_stderr(p.stdio.err);
  response.set_terminal(p.stdio.terminal);
  response.set_exit_status(p.exit.status);
  const bool stopped = p.life.now() == process_state::stopped;
  *response.mutable_exited_at() = stopped ? timestamp_at(p.exit.at) : timestamp_never();
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
  const auto over = [p, &call] { return p->life.is_over() || call.cancelled(); };
  co_await p->changed.wait(over);
  if (call.cancelled()) {
    co_return call.cancel_reason();
  }
  api::WaitResponse response;
  response.set_exit_status(p->exit.status);
  if (p->exit.at != 0) {
    *response.mutable_exited_at() = timestamp_at(p->exit.at);
  }
  co_return response;
}

}  // namespace shim
