#include "shim/task/lifecycle.hpp"

#include <cassert>
#include <csignal>

#include "runtime_api/ttrpc/status.hpp"

namespace shim {

using flow::error;
using flow::result;
using ttrpc::code;
using enum process_state;

namespace {

[[maybe_unused]] bool follows(bool init, process_state from, process_state to) noexcept {
  switch (from) {
    case creating:
      return init && (to == created || to == failed);
    case created:
      return to == starting || (init && to == exited);
    case starting:
      return to == running || to == (init ? created : failed);
    case running:
      return to == exited;
    case exited:
      return to == stopped;
    case stopped:
    case failed:
      return false;
  }
  return false;
}

error unfit(std::string text) {
  return {code::failed_precondition, std::move(text)};
}

// The names that containerd's own shim uses for the states of a task.
const char* task_state(const standing& s) noexcept {
  switch (s.init) {
    case creating:
    case created:
    case starting:
    case failed:
      return "created";
    case exited:
    case stopped:
      return "stopped";
    case running:
      break;
  }
  switch (s.freezer) {
    case freezer_state::thawed:
      return "running";
    case freezer_state::freezing:
      return "pausing";
    case freezer_state::frozen:
    case freezer_state::thawing:
      return "paused";
  }
  return "unknown";
}

error unfit_for_task(const char* verb, const standing& s) {
  return unfit(std::string("cannot ") + verb + " task in " + task_state(s) + " state");
}

}  // namespace

const char* name_of(process_state s) noexcept {
  switch (s) {
    case creating:
      return "creating";
    case created:
      return "created";
    case starting:
      return "starting";
    case running:
      return "running";
    case exited:
      return "exited";
    case stopped:
      return "stopped";
    case failed:
      return "failed";
  }
  return "unknown";
}

void lifecycle::enter(process_state next) noexcept {
  assert(follows(init_, state_, next) && "the diagram has no such arrow");
  state_ = next;
}

result<void> can_start(const standing& s, const std::string& container_id) {
  switch (s.process) {
    case created:
      break;
    case creating:
      return error(code::not_found, "container " + container_id);
    case starting:
    case running:
    case exited:
      return unfit("cannot start a running process");
    case stopped:
      return unfit("cannot start a stopped process");
    case failed:
      return unfit("cannot start a failed process");
  }
  if (s.is_init) {
    return {};
  }
  if (s.init != running) {
    return unfit("container " + container_id + " init process is not running");
  }
  if (s.freezer != freezer_state::thawed) {
    return unfit("cannot exec in a paused state");
  }
  return {};
}

result<void> can_delete(const standing& s) {
  switch (s.process) {
    case running:
    case exited:
      if (s.freezer == freezer_state::frozen) {
        return unfit("cannot delete a paused process");
      }
      return unfit("cannot delete a running process");
    case creating:
    case starting:
      return unfit("cannot delete a running process");
    case created:
    case stopped:
    case failed:
      break;
  }
  return {};
}

result<void> can_resize(const standing& s) {
  if (!s.is_init && (s.process == exited || s.process == stopped)) {
    return unfit("cannot resize a stopped process");
  }
  return {};
}

result<void> can_exec(const standing& s) {
  if (s.init == exited || s.init == stopped) {
    return unfit("cannot exec in a stopped state");
  }
  if (s.freezer != freezer_state::thawed) {
    return unfit("cannot exec in a paused state");
  }
  return {};
}

result<void> can_pause(const standing& s) {
  if (s.init != running || s.freezer != freezer_state::thawed) {
    return unfit_for_task("pause", s);
  }
  return {};
}

result<void> can_resume(const standing& s) {
  if (s.init != running || s.freezer != freezer_state::frozen) {
    return unfit_for_task("resume", s);
  }
  return {};
}

result<void> can_update(const standing& s) {
  if (s.init == exited || s.init == stopped) {
    return unfit("cannot update a stopped container");
  }
  return {};
}

result<kill_effect> can_kill(const standing& s, std::uint32_t signal,
                             const std::string& container_id) {
  const bool forced = signal == SIGKILL;
  switch (s.process) {
    case creating:
      if (forced) {
        return kill_effect::abort_create;
      }
      return error(code::not_found, "container " + container_id);
    case created:
    case starting:
      if (!s.is_init) {
        return unfit("process not created");
      }
      break;
    case running:
      break;
    case exited:
      if (forced) {
        return kill_effect::none;
      }
      return error(code::not_found, "process already finished");
    case stopped:
    case failed:
      return error(code::not_found, "process already finished");
  }
  return kill_effect::send;
}

}  // namespace shim
