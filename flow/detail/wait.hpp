// Waits for a transport in a coroutine.
#pragma once

#include "flow/transport.hpp"

namespace flow::detail {

// Returns when the operation should be tried again (transport_waiter::on_ready).
awaitable<void> wait(transport& t, transport::wait_type type);

}  // namespace flow::detail
