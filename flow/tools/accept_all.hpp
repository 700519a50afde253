// The loop of a server that serves many connections at the same time.
#pragma once

#include <functional>

#include "flow/listener.hpp"
#include "flow/log.hpp"
#include "flow/task_group.hpp"
#include "flow/tools/interruption.hpp"

namespace flow::tools {

// Hands each connection to `serve`, which becomes a task of `tasks`, until the interruption, which
// closes the listener. Errors of the listener that may pass, such as too many open files, are
// logged and waited out.
awaitable<void> accept_all(listener& l, interruption& i, log& log, task_group& tasks,
                           std::function<awaitable<void>(accepted)> serve);

}  // namespace flow::tools
