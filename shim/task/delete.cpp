// Delete: removes a container or an exec that has ended, and returns how it ended.
#include <csignal>

#include "containerd/events/task.pb.h"
#include "runtime_api/ttrpc/status.hpp"
#include "shim/config/limits.hpp"
#include "shim/support/timestamp.hpp"
#include "shim/task/agent_call.hpp"
#include "shim/task/service.hpp"

namespace shim {

using flow::awaitable;
using flow::result;
using ttrpc::code;
namespace api = containerd::task::v2;

namespace {

api::DeleteResponse response_for(const process& p) {
  api::DeleteResponse response;
  response.set_pid(static_cast<std::uint32_t>(p.pid));
  response.set_exit_status(p.exit.status);
  if (p.exit.at != 0) {
    *response.mutable_exited_at() = timestamp_at(p.exit.at);
  }
  return response;
}

}  // namespace

task_service::answer<api::DeleteResponse> task_service::delete_(context& /*call*/,
                                                                const api::DeleteRequest& request) {
  const auto located = find_process(request.id(), request.exec_id());
  if (!located) {
    co_return located.error();
  }
  const auto& [owner, p] = located.value();
  if (const auto fits = can_delete(owner->standing_of(*p)); !fits) {
    co_return fits.error();
  }
  p->deleting = true;
  if (!p->is_init()) {
    co_await delete_exec(*owner, p);
    co_return response_for(*p);
  }
  const auto deleted = co_await delete_init(owner, *p);
  if (!deleted) {
    p->deleting = false;
    co_return deleted.error();
  }
  containerd::events::TaskDelete event;
  event.set_container_id(owner->id());
  event.set_pid(static_cast<std::uint32_t>(p->pid));
  event.set_exit_status(p->exit.status);
  *event.mutable_exited_at() = timestamp_at(p->exit.at);
  events_.publish("/tasks/delete", event);
  log_.info("delete", {{"id", owner->id()}});
  co_return response_for(*p);
}

awaitable<result<void>> task_service::delete_init(std::shared_ptr<container> c, process& init) {
  if (init.life.now() == process_state::created) {
    const auto killed = co_await send_signal(*c, c->init(), SIGKILL, false);
    if (!killed && killed.error().code() != code::not_found) {
      co_return killed;
    }
    const auto over = [&init] { return init.life.is_over(); };
    co_await init.changed.wait(over);
  }
  co_await init.streams->finish(limits::finish_stream);
  if (c->files().has_disks()) {
    // The disks are consistent only after the guest has written the data that it holds in memory.
    co_await delete_in_guest(c->number());
  } else {
    background_.spawn("delete in guest", delete_in_guest(c->number()));
  }
  // The pipes of started execs ended with the container's processes; the others have no writer.
  for (const auto execs = c->execs(); const auto& [exec_id, p] : execs) {
    if (p->life.exec_was_started()) {
      co_await p->streams->finish(limits::finish_stream);
    }
  }
  co_await dismantle(c);
  co_return result<void>();
}

awaitable<void> task_service::delete_exec(container& c, std::shared_ptr<process> p) {
  if (p->life.exec_was_started()) {
    co_await delete_process_in_guest(p->number);
  } else {
    p->streams->give_up();
  }
  co_await p->streams->finish(limits::finish_stream);
  log_.info("delete", {{"id", c.id()}, {"exec_id", p->exec_id}});
  // Skipped if the whole container was deleted meanwhile.
  if (c.find_exec(p->exec_id) == p) {
    c.remove_exec(p->exec_id);
    lingering_.spawn("release", release(p));
  }
}

// If this fails, finish() cuts the streams off.
awaitable<void> task_service::delete_process_in_guest(std::uint32_t process_number) {
  hvsock::agent::v1::DeleteProcessRequest request;
  request.set_process(process_number);
  const agent_call limit(limits::delete_process,
                         "delete process " + std::to_string(process_number));
  const auto deleted = co_await sandbox_.agent().delete_process(request, limit.options());
  if (!deleted) {
    log_.debug("cannot delete process in the guest",
               {{"err", limit.failed(deleted.error()).message()}});
  }
}

}  // namespace shim
