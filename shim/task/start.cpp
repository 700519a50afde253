// Start: runs a container's first process, or an exec.
#include <csignal>

#include "containerd/events/task.pb.h"
#include "shim/config/limits.hpp"
#include "shim/task/agent_call.hpp"
#include "shim/task/service.hpp"

namespace shim {

using flow::awaitable;
using flow::result;
namespace api = containerd::task::v2;

task_service::answer<api::StartResponse> task_service::start(context& call,
                                                             const api::StartRequest& request) {
  const auto located = find_process(request.id(), request.exec_id());
  if (!located) {
    co_return located.error();
  }
  // Delete may remove both from the service before this returns.
  const auto [owner, p] = located.value();
  if (const auto fits = can_start(owner->standing_of(*p), owner->id()); !fits) {
    co_return fits.error();
  }
  p->life.enter(process_state::starting);
  const auto started = co_await start_process(call, *owner, *p);
  if (started) {
    p->life.enter(process_state::running);
    // Queued before the exit, even if the process ends at once.
    publish_start(*owner, *p);
  } else {
    p->life.start_failed();
  }
  owner->changed(*p);
  if (!started) {
    co_return started.error();
  }
  trim_soon();
  log_.info("start", {{"id", owner->id()}, {"exec_id", p->exec_id}, {"pid", p->pid}});
  api::StartResponse response;
  response.set_pid(static_cast<std::uint32_t>(p->pid));
  co_return response;
}

void task_service::publish_start(const container& c, const process& p) {
  if (p.is_init()) {
    containerd::events::TaskStart event;
    event.set_container_id(c.id());
    event.set_pid(static_cast<std::uint32_t>(p.pid));
    events_.publish("/tasks/start", event);
    return;
  }
  containerd::events::TaskExecStarted event;
  event.set_container_id(c.id());
  event.set_exec_id(p.exec_id);
  event.set_pid(static_cast<std::uint32_t>(p.pid));
  events_.publish("/tasks/exec-started", event);
}

awaitable<result<void>> task_service::start_process(context& call, container& c, process& p) {
  const auto ready = co_await sandbox_.ready();
  if (!ready) {
    co_return ready;
  }
  if (p.is_init()) {
    co_return co_await start_init(call, c, p);
  }
  co_return co_await start_exec(call, c, p);
}

awaitable<result<void>> task_service::start_init(context& call, container& c, process& p) {
  // A resize before the start sets the size that the program starts with.
  if (p.width != 0) {
    hvsock::agent::v1::ResizePtyRequest resize;
    resize.set_process(p.number);
    resize.mutable_console_size()->set_width(p.width);
    resize.mutable_console_size()->set_height(p.height);
    const agent_call resize_limit(limits::resize_terminal, "resize terminal of " + c.id(), call);
    const auto resized = co_await sandbox_.agent().resize_pty(resize, resize_limit.options());
    if (!resized && outcome_is_unknown(resized.error())) {
      co_return resize_limit.failed(resized.error());
    }
  }
  hvsock::agent::v1::StartContainerRequest request;
  request.set_container(c.number());
  const agent_call limit(limits::start_process, "start container " + c.id(), call);
  const auto started = co_await sandbox_.agent().start_container(request, limit.options());
  if (!started) {
    co_return limit.failed(started.error());
  }
  co_return result<void>();
}

awaitable<result<void>> task_service::start_exec(context& call, container& c, process& p) {
  const auto stdio_ready = co_await p.streams->ready();
  if (!stdio_ready) {
    p.streams->give_up();
    co_return stdio_ready;
  }
  auto placeholder = placeholder_process::start(c.init()->placeholder->network());
  if (!placeholder) {
    p.streams->give_up();
    co_return placeholder.error();
  }
  hvsock::agent::v1::ExecRequest request;
  request.set_container(c.number());
  request.set_process(p.number);
  request.set_spec(p.spec);
  *request.mutable_stdio() = p.streams->expect(sandbox_.connections());
  request.mutable_console_size()->set_width(p.width);
  request.mutable_console_size()->set_height(p.height);
  c.watch(c.find_exec(p.exec_id));
  const agent_call limit(limits::start_process, "exec " + p.exec_id + " in " + c.id(), call);
  const auto started = co_await sandbox_.agent().exec(request, limit.options());
  if (!started) {
    sandbox_.forget(p.number);
    p.streams->give_up();
    if (outcome_is_unknown(started.error())) {
      background_.spawn("undo exec", undo_exec(c.number(), p.number));
    }
    co_return limit.failed(started.error());
  }
  const auto attached = co_await p.streams->attach();
  if (!attached) {
    sandbox_.kill("the guest did not connect its streams: " + attached.error().message());
    co_return attached;
  }
  p.placeholder = std::move(placeholder.value());
  p.pid = p.placeholder->pid();
  co_return result<void>();
}

// Kills and deletes an exec that the guest may have started after Start gave up on it.
awaitable<void> task_service::undo_exec(std::uint32_t container_number,
                                        std::uint32_t process_number) {
  hvsock::agent::v1::KillRequest request;
  request.set_container(container_number);
  request.set_process(process_number);
  request.set_signal(SIGKILL);
  const agent_call limit(limits::signal_process, "kill process " + std::to_string(process_number));
  const auto killed = co_await sandbox_.agent().kill(request, limit.options());
  if (!killed) {
    log_.debug("cannot kill process in the guest",
               {{"err", limit.failed(killed.error()).message()}});
  }
  co_await delete_process_in_guest(process_number);
}

}  // namespace shim
