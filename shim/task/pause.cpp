// Pause and Resume: freeze and thaw every process of a container.
#include "containerd/events/task.pb.h"
#include "shim/config/limits.hpp"
#include "shim/task/agent_call.hpp"
#include "shim/task/service.hpp"

namespace shim {

using flow::awaitable;
namespace api = containerd::task::v2;

task_service::answer<task_service::empty> task_service::pause(context& call,
                                                              const api::PauseRequest& request) {
  const auto found = find_container(request.id());
  if (!found) {
    co_return found.error();
  }
  const auto c = found.value();
  if (const auto fits = can_pause(c->init_standing()); !fits) {
    co_return fits.error();
  }
  c->freezer = freezer_state::freezing;
  // If a process were frozen before the guest reports that it runs, its Start would never return.
  co_await c->join_starts();
  if (c->init()->life.has_exited()) {
    c->freezer = freezer_state::thawed;
    co_return can_pause(c->init_standing()).error();
  }
  hvsock::agent::v1::PauseRequest wanted;
  wanted.set_container(c->number());
  const agent_call limit(limits::freeze, "pause container " + c->id(), call);
  const auto paused = co_await sandbox_.agent().pause(wanted, limit.options());
  if (!paused) {
    c->freezer = freezer_state::thawed;
    if (outcome_is_unknown(paused.error())) {
      background_.spawn("undo pause", undo_pause(c->number()));
    }
    co_return limit.failed(paused.error());
  }
  c->freezer = freezer_state::frozen;
  if (!c->init()->life.has_exited()) {
    containerd::events::TaskPaused event;
    event.set_container_id(c->id());
    events_.publish("/tasks/paused", event);
  }
  log_.info("pause", {{"id", c->id()}});
  co_return empty();
}

// A slow guest may have frozen the container after all.
awaitable<void> task_service::undo_pause(std::uint32_t container_number) {
  hvsock::agent::v1::ResumeRequest wanted;
  wanted.set_container(container_number);
  const agent_call limit(limits::freeze, "resume container " + std::to_string(container_number));
  const auto resumed = co_await sandbox_.agent().resume(wanted, limit.options());
  if (!resumed) {
    log_.debug("cannot undo pause in the guest",
               {{"err", limit.failed(resumed.error()).message()}});
  }
}

task_service::answer<task_service::empty> task_service::resume(context& call,
                                                               const api::ResumeRequest& request) {
  const auto found = find_container(request.id());
  if (!found) {
    co_return found.error();
  }
  const auto c = found.value();
  if (const auto fits = can_resume(c->init_standing()); !fits) {
    co_return fits.error();
  }
  c->freezer = freezer_state::thawing;
  hvsock::agent::v1::ResumeRequest wanted;
  wanted.set_container(c->number());
  const agent_call limit(limits::freeze, "resume container " + c->id(), call);
  const auto resumed = co_await sandbox_.agent().resume(wanted, limit.options());
  if (!resumed) {
    c->freezer = freezer_state::frozen;
    co_return limit.failed(resumed.error());
  }
  c->freezer = freezer_state::thawed;
  if (!c->init()->life.has_exited()) {
    containerd::events::TaskResumed event;
    event.set_container_id(c->id());
    events_.publish("/tasks/resumed", event);
  }
  log_.info("resume", {{"id", c->id()}});
  co_return empty();
}

}  // namespace shim
