// The life of a process of a container, and which call of the Task service fits which moment of it.
// Every verb asks here; no other file decides by a state.
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
// Between exited and stopped a process counts as running. An exit that is reported while the
// process is creating or starting is taken up when that has ended.
//
// A process that is being deleted is in one of these states and no longer found by other calls.
// Paused is the container, not a process: see freezer_state.
//
// Texts and codes are those that containerd's clients know from its shim for runc, except that a
// call that does not fit the state is failed_precondition there as here.
#pragma once

#include <cstdint>
#include <string>

#include "flow/error.hpp"

namespace shim {

enum class process_state { creating, created, starting, running, exited, stopped, failed };

// "starting", for the log.
const char* name_of(process_state s) noexcept;

// Whether the processes of a container are frozen. None is started unless they are thawed.
enum class freezer_state { thawed, freezing, frozen, thawing };

class lifecycle {
 public:
  static lifecycle of_init() { return {true, process_state::creating}; }
  static lifecycle of_exec() { return {false, process_state::created}; }

  process_state now() const noexcept { return state_; }
  bool is_init() const noexcept { return init_; }

  // Moves on. It is a bug if the diagram has no such arrow.
  void enter(process_state next) noexcept;

  // A Start that has failed: an exec has failed with it, a first process is as before.
  void start_failed() noexcept { enter(init_ ? process_state::created : process_state::failed); }

  // A Create or Start is under way: an exit is not taken up before its end.
  bool in_transition() const noexcept {
    return state_ == process_state::creating || state_ == process_state::starting;
  }

  // It runs, or counts as running. Of an exec also: it was started.
  bool counts_as_running() const noexcept {
    return state_ == process_state::running || state_ == process_state::exited;
  }

  // The guest has reported its exit, or it is lost.
  bool has_exited() const noexcept {
    return state_ == process_state::exited || state_ == process_state::stopped;
  }

  // A Start of it has succeeded; of an exec only.
  bool exec_was_started() const noexcept {
    return !init_ && (counts_as_running() || state_ == process_state::stopped);
  }

  // There is nothing (left) whose exit Wait could wait for.
  bool is_over() const noexcept {
    return state_ == process_state::stopped || state_ == process_state::failed;
  }

  // Clients are shown it. A container whose Create has not succeeded is not.
  bool is_known() const noexcept {
    return !init_ || (state_ != process_state::creating && state_ != process_state::failed);
  }

 private:
  lifecycle(bool init, process_state first) : init_(init), state_(first) {}

  bool init_;
  process_state state_;
};

// What the rules look at: a process, and the container that it is of.
struct standing {
  process_state process;
  bool is_init;
  process_state init;  // of the container's first process; the same as `process` if is_init
  freezer_state freezer = freezer_state::thawed;
};

// Whether a call fits. An error is the call's answer.
flow::result<void> can_start(const standing& s, const std::string& container_id);
flow::result<void> can_delete(const standing& s);
flow::result<void> can_resize(const standing& s);

// The following are of the container: `s` is that of its first process.
flow::result<void> can_exec(const standing& s);
flow::result<void> can_pause(const standing& s);
flow::result<void> can_resume(const standing& s);
flow::result<void> can_update(const standing& s);

// What Kill does.
enum class kill_effect {
  send,          // the signal goes to the guest
  none,          // SIGKILL for a process that has exited: it succeeds, for it counts as running
  abort_create,  // SIGKILL while the container is created: Create is given up
};
flow::result<kill_effect> can_kill(const standing& s, std::uint32_t signal,
                                   const std::string& container_id);

}  // namespace shim
