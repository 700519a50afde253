// Start: of a container's first process, or of an exec.
#include "containerd/events/task.pb.h"
#include "runtime_api/ttrpc/status.hpp"
#include "shim/task/service.hpp"

namespace shim {

using flow::awaitable;
using flow::error;
using flow::result;
using ttrpc::code;
namespace api = containerd::task::v2;

task_service::answer<api::StartResponse> task_service::start(context& /*call*/,
                                                             const api::StartRequest& request) {
  const auto located = find_process(request.id(), request.exec_id());
  if (!located) {
    co_return located.error();
  }
  const auto& [owner, found] = located.value();
  container& c = *owner;
  process& p = *found;
  if (p.state == process::status::stopped) {
    co_return error(code::failed_precondition, "cannot start a stopped process");
  }
  if (p.busy || p.started) {
    co_return error(code::failed_precondition, "cannot start a running process");
  }
  if (p.failed) {
    co_return error(code::failed_precondition, "cannot start a failed process");
  }
  if (!p.is_init() && c.init()->state != process::status::running) {
    co_return error(code::failed_precondition,
                    "container " + c.id() + " init process is not running");
  }
  if (c.frozen != container::freezer::thawed) {
    co_return error(code::failed_precondition, "cannot exec in a paused state");
  }
  p.busy = true;
  const auto started = co_await start_process(c, p);
  if (started) {
    p.started = true;
    p.state = process::status::running;
    // Queued before the exit of a process that ends at once.
    if (p.is_init()) {
      containerd::events::TaskStart event;
      event.set_container_id(c.id());
      event.set_pid(static_cast<std::uint32_t>(p.pid));
      events_.publish("/tasks/start", event);
    } else {
      containerd::events::TaskExecStarted event;
      event.set_container_id(c.id());
      event.set_exec_id(p.exec_id);
      event.set_pid(static_cast<std::uint32_t>(p.pid));
      events_.publish("/tasks/exec-started", event);
    }
  }
  p.busy = false;
  // A container's first process is there, started or not.
  p.failed = !started && !p.is_init();
  p.changed.notify_all();
  c.exec_started();
  if (!started) {
    co_return started.error();
  }
  trim_soon();
  log_.info("start", {{"id", c.id()}, {"exec_id", p.exec_id}, {"pid", p.pid}});
  api::StartResponse response;
  response.set_pid(static_cast<std::uint32_t>(p.pid));
  co_return response;
}

awaitable<result<void>> task_service::start_process(container& c, process& p) {
  const auto ready = co_await sandbox_.ready();
  if (!ready) {
    co_return ready;
  }
  if (p.is_init()) {
    co_return co_await start_init(c, p);
  }
  co_return co_await start_exec(c, p);
}

awaitable<result<void>> task_service::start_init(container& c, process& p) {
  // A resize before the start is the size the program finds.
  if (p.width != 0) {
    hvsock::agent::v1::ResizePtyRequest resize;
    resize.set_process(p.number);
    resize.mutable_console_size()->set_width(p.width);
    resize.mutable_console_size()->set_height(p.height);
    static_cast<void>(co_await sandbox_.agent().resize_pty(resize));
  }
  hvsock::agent::v1::StartContainerRequest wanted;
  wanted.set_container(c.number());
  const auto started = co_await sandbox_.agent().start_container(wanted);
  if (!started) {
    co_return started.error();
  }
  co_return result<void>();
}

awaitable<result<void>> task_service::start_exec(container& c, process& p) {
  const auto stdio_ready = co_await p.streams->ready();
  if (!stdio_ready) {
    p.streams->give_up();
    co_return stdio_ready;
  }
  auto host = placeholder_process::start(c.init()->host->network());
  if (!host) {
    co_return host.error();
  }
  hvsock::agent::v1::ExecRequest wanted;
  wanted.set_container(c.number());
  wanted.set_process(p.number);
  wanted.set_spec(p.spec);
  *wanted.mutable_stdio() = p.streams->expect(sandbox_.streams());
  wanted.mutable_console_size()->set_width(p.width);
  wanted.mutable_console_size()->set_height(p.height);
  c.watch(c.find_exec(p.exec_id));
  const auto started = co_await sandbox_.agent().exec(wanted);
  if (!started) {
    sandbox_.forget(p.number);
    p.streams->give_up();
    co_return started.error();
  }
  const auto attached = co_await p.streams->attach();
  if (!attached) {
    sandbox_.kill("the guest did not connect its streams: " + attached.error().message());
    co_return attached;
  }
  p.host = std::move(host.value());
  p.pid = p.host->pid();
  co_return result<void>();
}

}  // namespace shim
