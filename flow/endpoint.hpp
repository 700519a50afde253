// Connecting to, and listening at, an address of any kind (address.hpp).
//
// hvsock:// means what to_vsock() makes of it. fd:// takes the descriptor over: it is closed with
// what is returned, and with the error.
#pragma once

#include <chrono>
#include <memory>

#include "flow/address.hpp"
#include "flow/listener.hpp"
#include "flow/transport.hpp"

namespace flow {

// Errors as in connect.hpp, and errc::unsupported for an address that cannot be connected to.
awaitable<result<std::unique_ptr<transport>>> connect(const asio::any_io_executor& executor,
                                                      const address& to,
                                                      std::chrono::steady_clock::duration timeout,
                                                      vsock_options options = vsock_options());

// Where a socket file is created its permissions are 0600. vsock://any:PORT listens for everyone,
// another context id for connections to that one.
result<listener> listen(const asio::any_io_executor& executor, const address& at,
                        vsock_options options = vsock_options());

}  // namespace flow
