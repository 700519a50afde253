// A transport over any connected stream socket: AF_UNIX, AF_VSOCK, or one received from elsewhere.
#pragma once

#include <memory>

#include "flow/transport.hpp"
#include "flow/unique_fd.hpp"

namespace flow {

// Takes ownership of a connected SOCK_STREAM socket. errc::invalid_argument if it is not one.
//
// The open file description is made non-blocking, and close() shuts it down for all its users: do
// not share it with another process or with other code in this one.
result<std::unique_ptr<transport>> adopt_socket(const asio::any_io_executor& executor,
                                                unique_fd socket);

}  // namespace flow
