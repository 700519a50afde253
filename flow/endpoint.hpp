// Connects to, or listens at, an address of any kind (address.hpp).
//
// hvsock:// is translated by to_vsock(). fd:// takes ownership of the descriptor, which is closed
// with the returned object or on an error.
#pragma once

#include <chrono>
#include <memory>

#include "flow/address.hpp"
#include "flow/listener.hpp"
#include "flow/transport.hpp"

namespace flow {

// Errors as in connect.hpp; errc::unsupported for an address that cannot be connected to.
awaitable<result<std::unique_ptr<transport>>> connect(const asio::any_io_executor& executor,
                                                      const address& to,
                                                      std::chrono::steady_clock::duration timeout,
                                                      vsock_options options = vsock_options());

// Socket files are created with permissions 0600. vsock://any:PORT accepts connections to any
// context ID, vsock://CID:PORT only those to that one.
result<listener> listen(const asio::any_io_executor& executor, const address& at,
                        vsock_options options = vsock_options());

}  // namespace flow
