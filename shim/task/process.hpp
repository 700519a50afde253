// A process of a container as containerd sees it: its first process (init) or an exec.
//
//   created --Start--> running --exit told by the guest, output safe--> stopped
//      \------- killed before it was started ----------------------------^
//
// Between the exit in the guest and "stopped" the process counts as running: its exit becomes
// visible only when its output is safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "flow/event.hpp"
#include "shim/io/process_streams.hpp"
#include "shim/support/placeholder_process.hpp"

namespace shim {

struct process {
  enum class status { created, running, stopped };

  explicit process(flow::asio::any_io_executor executor) : changed(std::move(executor)) {}

  bool is_init() const noexcept { return exec_id.empty(); }

  std::string exec_id;       // empty: init
  std::uint32_t number = 0;  // in the guest
  stdio_names stdio;
  std::string spec;         // of an exec: the OCI process object, for the guest
  std::uint32_t width = 0;  // of the terminal, 0: not known
  std::uint32_t height = 0;

  status state = status::created;
  bool busy = false;       // a Create or Start is under way: no exit is told before its end
  bool failed = false;     // that Create or Start failed: there is nothing that could exit
  bool started = false;    // a Start has succeeded
  bool killed = false;     // it was sent SIGKILL
  bool exited = false;     // in the guest, or lost with it; "stopped" follows
  bool truncated = false;  // it was lost with the machine
  bool deleting = false;   // a Delete is under way
  std::uint32_t exit_status = 0;
  std::int64_t exited_at = 0;      // nanoseconds since the Unix epoch
  std::uint64_t stdout_bytes = 0;  // what it had written when it exited, as the guest counted it
  std::uint64_t stderr_bytes = 0;
  pid_t guest_pid = 0;  // in the guest, of a container's first process
  pid_t pid = 0;        // on the host; 0 before there is one, kept after the exit

  std::unique_ptr<process_streams> streams;
  std::unique_ptr<placeholder_process> host;  // while it exists
  flow::event changed;
};

}  // namespace shim
