// A process of a container as containerd sees it: its first process (init) or an exec.
// lifecycle.hpp defines its states and what they allow.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "flow/event.hpp"
#include "shim/io/process_streams.hpp"
#include "shim/support/placeholder_process.hpp"
#include "shim/task/lifecycle.hpp"

namespace shim {

// How a process ended. If it was never started, everything is 0.
struct process_exit {
  std::uint32_t status = 0;
  std::int64_t at = 0;             // nanoseconds since the Unix epoch
  bool lost = false;               // it was lost with its machine: its output may be truncated
  std::uint64_t stdout_bytes = 0;  // bytes it had written, counted by the guest
  std::uint64_t stderr_bytes = 0;
};

// Shared by the calls under way on it: each holds it until it has answered, even if another call
// deletes it meanwhile.
struct process {
  process(flow::asio::any_io_executor executor, lifecycle begin)
      : life(begin), changed(std::move(executor)) {}

  bool is_init() const noexcept { return life.is_init(); }

  lifecycle life;
  std::string exec_id;       // empty: init
  std::uint32_t number = 0;  // process number, from sandbox::next_number()
  stdio_names stdio;
  std::string spec;         // for an exec: the OCI process object, for the guest
  std::uint32_t width = 0;  // of the terminal, in characters; 0: unknown
  std::uint32_t height = 0;

  bool killed = false;    // SIGKILL was sent to it
  bool deleting = false;  // a Delete is under way: other calls do not find it
  process_exit exit;      // valid from process_state::stopped on
  pid_t guest_pid = 0;    // in the guest; only for a container's first process
  pid_t pid = 0;          // on the host; 0 before it was started, kept after the exit

  std::unique_ptr<process_streams> streams;
  std::unique_ptr<placeholder_process> placeholder;  // while the process counts as running
  flow::event changed;                               // any of this has changed
};

}  // namespace shim
