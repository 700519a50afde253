// The life cycle of a process of a container, and which call of the Task service is valid in which
// state. Every verb asks this class and its functions; no other file decides by state.
//
//   first process (init):
//
//   creating ─Create─► created ─Start─► starting ──► running ──► exited ──► stopped
//      │                │  ▲               │                       ▲
//      ▼ Create fails   │  └─ Start fails ─┘                       │
//   failed              └──────── killed before it was started ────┘
//
//   exec:
//
//   (Exec)──► created ─Start─► starting ──► running ──► exited ──► stopped
//                                 ▼ Start fails
//                               failed
//
//   exited    the guest has reported the exit, or the process was lost with its machine
//   stopped   its output is safe and its exit is published (see shim/DESIGN.md, Delivery)
//
// A process that has exited but not stopped counts as running. If an exit is reported while the
// process is creating or starting, it is processed when that has ended.
//
// A process that is being deleted is in one of these states and is no longer found by other calls.
// Paused is a state of the container, not of a process: see freezer_state.
//
// Texts and codes are those that containerd's clients know from its shim for runc. A call that is
// not valid in the state fails with failed_precondition.
#pragma once

#include <cstdint>
#include <string>

#include "flow/error.hpp"

namespace shim {

enum class process_state { creating, created, starting, running, exited, stopped, failed };

// The state's name, "starting", for the log.
const char* name_of(process_state s) noexcept;

// Whether the processes of a container are frozen. A process can be started only if they
// are thawed.
enum class freezer_state { thawed, freezing, frozen, thawing };

class lifecycle {
 public:
  static lifecycle of_init() { return {true, process_state::creating}; }
  static lifecycle of_exec() { return {false, process_state::created}; }

  process_state now() const noexcept { return state_; }
  bool is_init() const noexcept { return init_; }

  // Changes the state. An arrow that the diagram does not have is a bug.
  void enter(process_state next) noexcept;

  // A Start has failed: an exec fails with it, a first process returns to its previous state.
  void start_failed() noexcept { enter(init_ ? process_state::created : process_state::failed); }

  // A Create or Start is under way: an exit is not processed before it has ended.
  bool in_transition() const noexcept {
    return state_ == process_state::creating || state_ == process_state::starting;
  }

  // It is running, or counts as running. An exec has then been started.
  bool counts_as_running() const noexcept {
    return state_ == process_state::running || state_ == process_state::exited;
  }

  // The guest has reported its exit, or the process was lost.
  bool has_exited() const noexcept {
    return state_ == process_state::exited || state_ == process_state::stopped;
  }

  // It is an exec, and its Start has succeeded.
  bool exec_was_started() const noexcept {
    return !init_ && (counts_as_running() || state_ == process_state::stopped);
  }

  // There is no exit (any more) that Wait could wait for.
  bool is_over() const noexcept {
    return state_ == process_state::stopped || state_ == process_state::failed;
  }

  // Clients can see it. A container whose Create has not succeeded is not visible.
  bool is_known() const noexcept {
    return !init_ || (state_ != process_state::creating && state_ != process_state::failed);
  }

 private:
  lifecycle(bool init, process_state first) : init_(init), state_(first) {}

  bool init_;
  process_state state_;
};

// The input of the rules: a process and its container.
struct standing {
  process_state process;
  bool is_init;
  process_state init;  // of the container's first process; the same as `process` if is_init
  freezer_state freezer = freezer_state::thawed;
};

// Checks whether a call is valid. An error is the call's answer.
flow::result<void> can_start(const standing& s, const std::string& container_id);
flow::result<void> can_delete(const standing& s);
flow::result<void> can_resize(const standing& s);

// The following concern the container: `s` is that of its first process.
flow::result<void> can_exec(const standing& s);
flow::result<void> can_pause(const standing& s);
flow::result<void> can_resume(const standing& s);
flow::result<void> can_update(const standing& s);

// The effect of Kill.
enum class kill_effect {
  send,          // the signal goes to the guest
  none,          // SIGKILL for a process that has exited succeeds, since it counts as running
  abort_create,  // SIGKILL during Create: Create is given up
};
flow::result<kill_effect> can_kill(const standing& s, std::uint32_t signal,
                                   const std::string& container_id);

}  // namespace shim
