// A process of a container as containerd sees it: its first process (init) or an exec. What state
// it is in, and what that allows, is in lifecycle.hpp.
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

// How a process ended. Of one that was never started everything is 0.
struct process_exit {
  std::uint32_t status = 0;
  std::int64_t at = 0;             // nanoseconds since the Unix epoch
  bool lost = false;               // it was lost with its machine: its output may be truncated
  std::uint64_t stdout_bytes = 0;  // what it had written, as the guest counted it
  std::uint64_t stderr_bytes = 0;
};

// Shared by the calls that are under way on it: each holds it until it has answered, whatever else
// deletes it meanwhile.
struct process {
  process(flow::asio::any_io_executor executor, lifecycle begin)
      : life(begin), changed(std::move(executor)) {}

  bool is_init() const noexcept { return life.is_init(); }

  lifecycle life;
  std::string exec_id;       // empty: init
  std::uint32_t number = 0;  // that the guest knows it by, from sandbox::next_number()
  stdio_names stdio;
  std::string spec;         // of an exec: the OCI process object, for the guest
  std::uint32_t width = 0;  // of the terminal, in characters, 0: not known
  std::uint32_t height = 0;

  bool killed = false;    // it was sent SIGKILL
  bool deleting = false;  // a Delete is under way: other calls do not find it
  process_exit exit;      // from process_state::stopped on
  pid_t guest_pid = 0;    // in the guest, of a container's first process
  pid_t pid = 0;          // on the host; 0 before it was started, kept after the exit

  std::unique_ptr<process_streams> streams;
  std::unique_ptr<placeholder_process> placeholder;  // while the process counts as running
  flow::event changed;                               // of any of this
};

}  // namespace shim
