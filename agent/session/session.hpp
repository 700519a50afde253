// What the agent does after boot: it connects to the shim and serves it until the connection ends.
#pragma once

#include <cstdint>

#include "agent/io/shim_dialer.hpp"
#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/system/log.hpp"

namespace agent {

// Returns when the control connection has ended, or with an error if it could not be made.
// `init_entered_ms` is milliseconds_since_boot() at the start of the program. `shim` and `log` must
// outlive the call.
flow::awaitable<flow::result<void>> serve_shim(flow::asio::any_io_executor executor,
                                               shim_dialer& shim, std::uint32_t init_entered_ms,
                                               flow::log& log);

}  // namespace agent
