// The checks of our client against the Go server.
#pragma once

#include "flow/asio.hpp"
#include "runtime_api/ttrpc/client.hpp"

namespace interop {

// Prints a line for each failed check. True if none failed.
flow::awaitable<bool> check_server(ttrpc::client& client);

}  // namespace interop
