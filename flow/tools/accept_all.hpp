// The loop of a server that serves many connections at the same time.
#pragma once

#include <functional>

#include "flow/listener.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "flow/tools/connection_options.hpp"
#include "flow/tools/exit_status.hpp"
#include "flow/tools/interruption.hpp"

namespace flow::tools {

// Hands each connection to `serve`, which becomes a task of `tasks`, until the interruption, which
// closes the listener. Errors of the listener that may pass, such as too many open files, are
// logged and waited out.
awaitable<void> accept_all(listener& l, interruption& i, log& log, task_group& tasks,
                           std::function<awaitable<void>(accepted)> serve);

// As above with a listener at `at`, and returns when the last connection has been served. Complains
// where nobody can listen there.
awaitable<exit_status> listen_and_serve(const connection_options& options, const target& at,
                                        interruption& i, log& log, task_group& tasks,
                                        std::function<awaitable<void>(accepted)> serve);

}  // namespace flow::tools
