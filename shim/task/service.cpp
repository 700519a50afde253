#include "shim/task/service.hpp"

#include <unistd.h>

#include "containerd/events/task.pb.h"
#include "flow/system/log_failures.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "shim/support/timestamp.hpp"

namespace shim {

using flow::awaitable;
using flow::error;
using flow::result;
using ttrpc::code;
namespace api = containerd::task::v2;

task_service::task_service(const flow::asio::any_io_executor& executor, sandbox& in,
                           publisher& events, const config& c, std::function<void()> on_shutdown,
                           flow::log& log)
    : executor_(executor),
      sandbox_(in),
      events_(events),
      config_(c),
      on_shutdown_(std::move(on_shutdown)),
      log_(log),
      streaming_(executor, log),
      lingering_(executor, flow::log_failures(log, "lingering")),
      removed_(executor),
      trimmer_(executor, log),
      background_(executor, flow::log_failures(log, "task service")) {}

result<std::shared_ptr<container>> task_service::find_container(const std::string& id,
                                                                visibility which) {
  const auto found = containers_.find(id);
  if (found == containers_.end() ||
      (which == visibility::known && !found->second->init()->life.is_known())) {
    return error(code::not_found, "container " + id);
  }
  return found->second;
}

result<task_service::located> task_service::find_process(const std::string& id,
                                                         const std::string& exec_id,
                                                         visibility which) {
  const auto c = find_container(id, which);
  if (!c) {
    return c.error();
  }
  auto p = exec_id.empty() ? c.value()->init() : c.value()->find_exec(exec_id);
  if (!p || p->deleting) {
    return error(code::not_found, "process does not exist " + exec_id);
  }
  return located{c.value(), std::move(p)};
}

void task_service::process_stopped(const container& c, const process& p) {
  containerd::events::TaskExit event;
  event.set_container_id(c.id());
  event.set_id(p.is_init() ? c.id() : p.exec_id);
  event.set_pid(static_cast<std::uint32_t>(p.pid));
  event.set_exit_status(p.exit.status);
  *event.mutable_exited_at() = timestamp_at(p.exit.at);
  events_.publish("/tasks/exit", event);
  log_.info("exit", {{"id", c.id()},
                     {"exec_id", p.exec_id},
                     {"status", p.exit.status},
                     {"stdout_bytes", p.exit.stdout_bytes},
                     {"stderr_bytes", p.exit.stderr_bytes}});
}

// The guest may report this as often as it likes, so only one event at a time is queued for
// containerd. None is published before the container is created, nor after the exit of its
// first process.
void task_service::out_of_memory(container& c) {
  const auto& life = c.init()->life;
  if (!life.is_known() || life.has_exited() || c.memory_event > events_.taken()) {
    return;
  }
  containerd::events::TaskOOM event;
  event.set_container_id(c.id());
  c.memory_event = events_.publish("/tasks/oom", event);
  log_.warning("out of memory", {{"id", c.id()}});
}

task_service::answer<api::ConnectResponse> task_service::connect(
    context& /*call*/, const api::ConnectRequest& request) {
  api::ConnectResponse response;
  response.set_shim_pid(static_cast<std::uint32_t>(::getpid()));
  if (const auto c = find_container(request.id()); c) {
    response.set_task_pid(static_cast<std::uint32_t>(c.value()->init()->pid));
  }
  co_return response;
}

task_service::answer<task_service::empty> task_service::shutdown(
    context& /*call*/, const api::ShutdownRequest& /*request*/) {
  if (containers_.empty()) {
    on_shutdown_();
  }
  co_return empty();
}

void task_service::report() const {
  const auto line = [this](const container& c, const process& p) {
    log_.info("process", {{"id", c.id()},
                          {"exec_id", p.exec_id},
                          {"pid", p.pid},
                          {"state", name_of(p.life.now())},
                          {"lost_with_machine", p.exit.lost}});
    if (p.streams) {
      p.streams->log_report();
    }
  };
  for (const auto& [id, c] : containers_) {
    line(*c, *c->init());
    for (const auto& [exec_id, p] : c->execs()) {
      line(*c, *p);
    }
  }
  log_.info("lingering", {{"processes", lingering_.size()}});
}

awaitable<void> task_service::linger() {
  if (lingering_.size() != 0) {
    log_.info("lingering", {{"processes", lingering_.size()}});
  }
  co_await lingering_.join();
}

awaitable<void> task_service::join() {
  // Calls under way may remove containers meanwhile.
  for (const auto all = containers_; const auto& [id, c] : all) {
    co_await dismantle(c);
  }
  co_await trimmer_.join();
  co_await background_.join();
}

}  // namespace shim
