// Waiting for a transport in a coroutine.
#pragma once

#include "flow/transport.hpp"

namespace flow::detail {

// Returns when the operation may be worth trying again (transport_waiter::on_ready).
awaitable<void> wait(transport& t, transport::wait_type type);

}  // namespace flow::detail
