// The agent's life after boot: it dials the shim, serves it, and ends with that connection.
#pragma once

#include <cstdint>

#include "agent/io/shim_dialer.hpp"
#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/system/log.hpp"

namespace agent {

// Returns when the control connection has ended (no error), or could not be made. Everything given
// outlives the call.
flow::awaitable<flow::result<void>> serve_shim(flow::asio::any_io_executor executor,
                                               shim_dialer& shim, std::uint32_t init_entered_ms,
                                               flow::log& log);

}  // namespace agent
