// Connecting: each function returns a transport ready for a stream, or fails by `timeout`.
//
// Errors: errc::timed_out; errc::unavailable if the other side answers that nothing is listening
// (worth a retry: a guest may still be starting); otherwise the system's error. Over vsock a
// missing listener is connection_reset.
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

// Connects to `port` of the guest behind a hybrid socket, the form in which Firecracker, Cloud
// Hypervisor and vhost-device-vsock offer a guest's vsock to the host: a unix socket that receives
// "CONNECT port\n" and answers "OK number\n". The number has a different meaning in each of them
// and is ignored.
awaitable<result<std::unique_ptr<transport>>> connect_hybrid(
    const asio::any_io_executor& executor, const std::string& path, std::uint32_t port,
    std::chrono::steady_clock::duration timeout);

// Connects to `port` of HyperKit's guest: the unix socket "connect" in `directory` receives
// the port and does not answer. If nothing is listening on the port, the connection therefore
// ends later.
awaitable<result<std::unique_ptr<transport>>> connect_hyperkit(
    const asio::any_io_executor& executor, const std::string& directory, std::uint32_t port,
    std::chrono::steady_clock::duration timeout);

}  // namespace flow
