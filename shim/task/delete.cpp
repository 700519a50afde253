// Delete: forgets a container or an exec that has ended, and says how it ended.
#include <csignal>

#include "containerd/events/task.pb.h"
#include "runtime_api/ttrpc/status.hpp"
#include "shim/config/limits.hpp"
#include "shim/support/timestamp.hpp"
#include "shim/task/service.hpp"

namespace shim {

using flow::awaitable;
using flow::error;
using flow::result;
using ttrpc::code;
namespace api = containerd::task::v2;

namespace {

api::DeleteResponse response_for(const process& p) {
  api::DeleteResponse response;
  response.set_pid(static_cast<std::uint32_t>(p.pid));
  response.set_exit_status(p.exit_status);
  if (p.exited_at != 0) {
    *response.mutable_exited_at() = timestamp_at(p.exited_at);
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
  if (p->state == process::status::running && owner->frozen == container::freezer::frozen) {
    co_return error(code::failed_precondition, "cannot delete a paused process");
  }
  if (p->state == process::status::running || p->busy) {
    co_return error(code::failed_precondition, "cannot delete a running process");
  }
  p->deleting = true;
  if (!p->is_init()) {
    co_await delete_exec(*owner, p);
    co_return response_for(*p);
  }
  const auto deleted = co_await delete_init(*owner, *p);
  if (!deleted) {
    p->deleting = false;
    co_return deleted.error();
  }
  containerd::events::TaskDelete event;
  event.set_container_id(owner->id());
  event.set_pid(static_cast<std::uint32_t>(p->pid));
  event.set_exit_status(p->exit_status);
  *event.mutable_exited_at() = timestamp_at(p->exited_at);
  events_.publish("/tasks/delete", event);
  log_.info("delete", {{"id", owner->id()}});
  co_return response_for(*p);
}

awaitable<result<void>> task_service::delete_init(container& c, process& init) {
  if (init.state == process::status::created) {
    const auto killed = co_await kill_process(c, c.init(), SIGKILL, false);
    if (!killed && killed.error().code() != code::not_found) {
      co_return killed;
    }
    while (init.state != process::status::stopped) {
      co_await init.changed.wait();
    }
  }
  co_await init.streams->finish(limits::finish_stream);
  if (c.has_disks()) {
    // What the guest holds of them in its memory is written before they are whole.
    co_await delete_in_guest(c.number());
    co_await c.detach_disks();
  } else {
    background_.spawn("delete in guest", delete_in_guest(c.number()));
  }
  co_await c.join();
  c.unmount();
  // Their pipes died with the container's processes; those never started have nobody to write.
  for (const auto execs = c.execs(); const auto& [exec_id, p] : execs) {
    if (p->started) {
      co_await p->streams->finish(limits::finish_stream);
    }
  }
  for (const auto& p : c.remove_all()) {
    lingering_.spawn("release", release(p));
  }
  containers_.erase(c.id());
  co_return result<void>();
}

awaitable<void> task_service::delete_exec(container& c, std::shared_ptr<process> p) {
  if (p->started) {
    hvsock::agent::v1::DeleteProcessRequest wanted;
    wanted.set_process(p->number);
    // Without it the streams are cut off below.
    static_cast<void>(co_await sandbox_.agent().delete_process(
        wanted, ttrpc::call_options(limits::delete_process)));
  } else {
    p->streams->give_up();
  }
  co_await p->streams->finish(limits::finish_stream);
  log_.info("delete", {{"id", c.id()}, {"exec_id", p->exec_id}});
  // Unless the whole container was deleted meanwhile.
  if (c.find_exec(p->exec_id) == p) {
    c.remove_exec(p->exec_id);
    lingering_.spawn("release", release(p));
  }
}

// Nobody waits for it: if the machine ends first, there is nothing left to clean up.
awaitable<void> task_service::delete_in_guest(std::uint32_t container_number) {
  hvsock::agent::v1::DeleteContainerRequest wanted;
  wanted.set_container(container_number);
  const auto deleted = co_await sandbox_.agent().delete_container(
      wanted, ttrpc::call_options(limits::delete_container));
  if (!deleted) {
    log_.debug("delete in guest", {{"err", deleted.error().message()}});
  }
}

}  // namespace shim
