// What our client does to the Go server.
#pragma once

#include "flow/asio.hpp"
#include "runtime_api/ttrpc/client.hpp"

namespace interop {

// Prints a line for each check that fails. True if none did.
flow::awaitable<bool> check_server(ttrpc::client& client);

}  // namespace interop
