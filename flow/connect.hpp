// Connecting: each returns a transport ready for a stream, or fails by `timeout`.
//
// Errors are errc::timed_out, errc::unavailable where the other side answers that nobody listens
// (worth a retry: a guest may still be starting), and what the system says: over vsock a missing
// listener is connection_reset.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "flow/transport.hpp"
#include "flow/vsock.hpp"

namespace flow {

awaitable<result<std::unique_ptr<transport>>> connect_vsock(
    const asio::any_io_executor& executor, vsock_address address,
    std::chrono::steady_clock::duration timeout, vsock_options options = {});

// Paths may be longer than a socket address holds (107 bytes) if the last component is not.
awaitable<result<std::unique_ptr<transport>>> connect_unix(
    const asio::any_io_executor& executor, const std::string& path,
    std::chrono::steady_clock::duration timeout);

// To `port` of the guest behind a hybrid socket, the form in which Firecracker, Cloud Hypervisor
// and vhost-device-vsock offer a guest's vsock to the host: a unix socket that is told "CONNECT
// port\n" and answers "OK number\n". What the number means differs between them; it is not looked
// at.
awaitable<result<std::unique_ptr<transport>>> connect_hybrid(
    const asio::any_io_executor& executor, const std::string& path, std::uint32_t port,
    std::chrono::steady_clock::duration timeout);

// To `port` of HyperKit's guest: the unix socket "connect" in `directory`, which is told the port
// and answers nothing. A port where nobody listens therefore shows later, as the end of the
// connection.
awaitable<result<std::unique_ptr<transport>>> connect_hyperkit(
    const asio::any_io_executor& executor, const std::string& directory, std::uint32_t port,
    std::chrono::steady_clock::duration timeout);

}  // namespace flow
