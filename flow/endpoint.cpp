#include "flow/endpoint.hpp"

#include "flow/connect.hpp"
#include "flow/socket_transport.hpp"

namespace flow {
namespace {

using transport_ptr = std::unique_ptr<transport>;

// A coroutine for a result that is known at once.
awaitable<result<transport_ptr>> ready(result<transport_ptr> r) {
  co_return r;
}

struct connector {
  awaitable<result<transport_ptr>> operator()(const vsock_address& a) const {
    if (a.cid == vsock_address::any || a.port == vsock_address::any) {
      return ready(error(errc::invalid_argument, "connect: the context id and port must be given"));
    }
    return connect_vsock(executor, a, timeout, options);
  }
  awaitable<result<transport_ptr>> operator()(const hyperv_address& a) const {
    const auto same = to_vsock(a);
    return same ? (*this)(*same) : ready(same.error());
  }
  awaitable<result<transport_ptr>> operator()(const hyperkit_address& a) const {
    return connect_hyperkit(executor, a.directory, a.port, timeout);
  }
  awaitable<result<transport_ptr>> operator()(const hybrid_address& a) const {
    return connect_hybrid(executor, a.path, a.port, timeout);
  }
  awaitable<result<transport_ptr>> operator()(const unix_address& a) const {
    return connect_unix(executor, a.path, timeout);
  }
  awaitable<result<transport_ptr>> operator()(const descriptor_address& a) const {
    return ready(adopt_socket(executor, unique_fd(a.fd)));
  }

  const asio::any_io_executor& executor;
  std::chrono::steady_clock::duration timeout;
  const vsock_options& options;
};

struct opener {
  result<listener> operator()(const vsock_address& a) const {
    return listener::vsock(executor, a, options);
  }
  result<listener> operator()(const hyperv_address& a) const {
    const auto same = to_vsock(a);
    return same ? (*this)(*same) : same.error();
  }
  result<listener> operator()(const hyperkit_address& a) const {
    return listener::hyperkit(executor, a.directory, a.port);
  }
  result<listener> operator()(const hybrid_address& a) const {
    return listener::hybrid(executor, a.path, a.port);
  }
  result<listener> operator()(const unix_address& a) const {
    return listener::unix_socket(executor, a.path);
  }
  result<listener> operator()(const descriptor_address& a) const {
    return listener::adopt(executor, unique_fd(a.fd));
  }

  const asio::any_io_executor& executor;
  const vsock_options& options;
};

}  // namespace

awaitable<result<transport_ptr>> connect(const asio::any_io_executor& executor, const address& to,
                                         std::chrono::steady_clock::duration timeout,
                                         vsock_options options) {
  return std::visit(connector{executor, timeout, options}, to);
}

result<listener> listen(const asio::any_io_executor& executor, const address& at,
                        vsock_options options) {
  return std::visit(opener{executor, options}, at);
}

}  // namespace flow
