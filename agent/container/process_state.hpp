// The states of a process in the guest, and what may be done to it in each.
//
//   creating --crun has made it--> alive --it was reaped--> exited --DeleteProcess--> (forgotten)
//       \--crun refused it--> (forgotten)
//
// A container's first process is alive before it is started, too: it waits for crun start. The
// shim, which decides what its clients may do, tells those two apart; the agent need not.
#pragma once

#include "flow/error.hpp"

namespace agent {

enum class process_state { creating, alive, exited };

// A signal to the process: failed_precondition while it is being created, not_found once it has
// exited.
flow::result<void> can_signal(process_state state);

// A signal to its whole container, which may have outlived it: failed_precondition while it is being
// created.
flow::result<void> can_signal_container(process_state state);

// To forget it: failed_precondition until it has exited.
flow::result<void> can_remove(process_state state);

}  // namespace agent
