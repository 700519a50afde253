// Pause and Resume: freezes every process of a container, and thaws them.
#include "containerd/events/task.pb.h"
#include "runtime_api/ttrpc/status.hpp"
#include "shim/task/service.hpp"

namespace shim {

using flow::error;
using ttrpc::code;
namespace api = containerd::task::v2;

namespace {

error cannot(const char* verb, const container& c) {
  const char* state = "running";
  if (c.init()->state == process::status::created) {
    state = "created";
  } else if (c.init()->exited || c.init()->state == process::status::stopped) {
    state = "stopped";
  } else if (c.frozen == container::freezer::freezing) {
    state = "pausing";
  } else if (c.frozen != container::freezer::thawed) {
    state = "paused";
  }
  return {code::failed_precondition,
          std::string("cannot ") + verb + " task in " + state + " state"};
}

bool runs(const container& c) {
  return c.init()->state == process::status::running && !c.init()->exited;
}

}  // namespace

task_service::answer<task_service::empty> task_service::pause(context& /*call*/,
                                                              const api::PauseRequest& request) {
  const auto found = find_container(request.id());
  if (!found) {
    co_return found.error();
  }
  const auto c = found.value();
  if (!runs(*c) || c->frozen != container::freezer::thawed) {
    co_return cannot("pause", *c);
  }
  c->frozen = container::freezer::freezing;
  // A process that is frozen before it has told that it runs would leave its Start without an end.
  co_await c->join_starts();
  if (!runs(*c)) {
    c->frozen = container::freezer::thawed;
    co_return cannot("pause", *c);
  }
  hvsock::agent::v1::PauseRequest wanted;
  wanted.set_container(c->number());
  const auto paused = co_await sandbox_.agent().pause(wanted);
  if (!paused) {
    c->frozen = container::freezer::thawed;
    co_return paused.error();
  }
  c->frozen = container::freezer::frozen;
  if (runs(*c)) {
    containerd::events::TaskPaused event;
    event.set_container_id(c->id());
    events_.publish("/tasks/paused", event);
  }
  log_.info("pause", {{"id", c->id()}});
  co_return empty();
}

task_service::answer<task_service::empty> task_service::resume(context& /*call*/,
                                                               const api::ResumeRequest& request) {
  const auto found = find_container(request.id());
  if (!found) {
    co_return found.error();
  }
  const auto c = found.value();
  if (!runs(*c) || c->frozen != container::freezer::frozen) {
    co_return cannot("resume", *c);
  }
  c->frozen = container::freezer::thawing;
  hvsock::agent::v1::ResumeRequest wanted;
  wanted.set_container(c->number());
  const auto resumed = co_await sandbox_.agent().resume(wanted);
  if (!resumed) {
    c->frozen = container::freezer::frozen;
    co_return resumed.error();
  }
  c->frozen = container::freezer::thawed;
  if (runs(*c)) {
    containerd::events::TaskResumed event;
    event.set_container_id(c->id());
    events_.publish("/tasks/resumed", event);
  }
  log_.info("resume", {{"id", c->id()}});
  co_return empty();
}

}  // namespace shim
