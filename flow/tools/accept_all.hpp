// The accept loop of a server that serves many connections at once.
#pragma once

#include <functional>

#include "flow/listener.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "flow/tools/connection_options.hpp"
#include "flow/tools/exit_status.hpp"
#include "flow/tools/interruption.hpp"

namespace flow::tools {

// Passes each connection to `serve`, whose coroutine becomes a task of `tasks`, until the
// interruption, which closes the listener. Temporary errors of the listener, such as too many open
// files, are logged and retried after a pause.
awaitable<void> accept_all(listener& l, interruption& i, log& log, task_group& tasks,
                           std::function<awaitable<void>(accepted)> serve);

// As above with a listener at `at`; returns when the last connection has been served. Prints an
// error if listening there fails.
awaitable<exit_status> listen_and_serve(const connection_options& options, const target& at,
                                        interruption& i, log& log, task_group& tasks,
                                        std::function<awaitable<void>(accepted)> serve);

}  // namespace flow::tools
