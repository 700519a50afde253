#include "flow/listener.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "flow/detail/socket.hpp"
#include "flow/socket_transport.hpp"

namespace flow {
namespace {

constexpr int backlog = 128;

// Errors of connections that have died, as accept(2) reports them; the next one may work.
bool concerns_connection(int error_number) {
  switch (error_number) {
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

result<unique_fd> listen_at(unique_fd fd, const detail::socket_address& address) {
  if (::bind(fd.get(), address.get(), address.size()) != 0) {
    return system_error({});
  }
  if (::listen(fd.get(), backlog) != 0) {
    return system_error({});
  }
  return fd;
}

}  // namespace

struct listener::state {
  explicit state(const asio::any_io_executor& executor) : socket(executor) {}
  state(const state&) = delete;
  state& operator=(const state&) = delete;
  ~state() { close(); }

  void close() noexcept {
    error_code ignored;
    socket.close(ignored);
    if (!path.empty()) {
      ::unlink(path.c_str());
      path.clear();
    }
  }

  asio::posix::stream_descriptor socket;
  std::string path;  // of the socket file, removed at the end
  vsock_address address;
};

listener::listener(std::shared_ptr<state> s) noexcept : state_(std::move(s)) {}
listener::listener(listener&&) noexcept = default;

listener& listener::operator=(listener&& other) noexcept {
  if (this != &other) {
    if (state_) {
      state_->close();
    }
    state_ = std::move(other.state_);
  }
  return *this;
}

listener::~listener() {
  if (state_) {
    state_->close();
  }
}

result<listener> listener::vsock(const asio::any_io_executor& executor, vsock_address address,
                                 vsock_options options) {
  const std::string where = "listen " + to_string(address);
  auto fd = detail::open_socket(AF_VSOCK);
  if (!fd) {
    return fd.error().in(where);
  }
  if (options.buffer_size != 0) {  // connections inherit it
    if (const auto set = detail::set_buffer_size(*fd, options.buffer_size); !set) {
      return set.error().in(where);
    }
  }
  fd = listen_at(std::move(*fd), detail::socket_address(address));
  if (!fd) {
    return fd.error().in(where);
  }
  auto s = std::make_shared<state>(executor);
  s->address = detail::bound_address(*fd);
  return own(std::move(s), std::move(*fd));
}

result<listener> listener::unix_socket(const asio::any_io_executor& executor, std::string path,
                                       mode_t permissions) {
  const std::string where = "listen " + path;
  auto fd = detail::open_socket(AF_UNIX);
  if (!fd) {
    return fd.error().in(where);
  }
  auto address = detail::socket_address::of_path(path);
  if (!address) {
    return address.error().in(where);
  }
  // bind() gives the file the permissions that the socket has.
  if (::fchmod(fd->get(), permissions) != 0) {
    return system_error(where);
  }
  fd = listen_at(std::move(*fd), *address);
  if (!fd) {
    return fd.error().in(where);
  }
  auto s = std::make_shared<state>(executor);
  s->path = std::move(path);
  return own(std::move(s), std::move(*fd));
}

result<listener> listener::hybrid(const asio::any_io_executor& executor, const std::string& path,
                                  std::uint32_t port, mode_t permissions) {
  auto listening = unix_socket(executor, path + "_" + std::to_string(port), permissions);
  if (listening) {
    listening->state_->address.port = port;
  }
  return listening;
}

result<listener> listener::hyperkit(const asio::any_io_executor& executor,
                                    const std::string& directory, std::uint32_t port,
                                    mode_t permissions) {
  auto listening = unix_socket(
      executor, directory + "/" + detail::hyperkit_name(vsock_address::host, port), permissions);
  if (listening) {
    listening->state_->address.port = port;
  }
  return listening;
}

result<listener> listener::adopt(const asio::any_io_executor& executor, unique_fd socket) {
  const auto listens = detail::socket_option(socket.get(), SO_ACCEPTCONN);
  if (!listens) {
    return listens.error();
  }
  const auto type = detail::socket_option(socket.get(), SO_TYPE);
  if (!type) {
    return type.error();
  }
  if (*listens == 0 || *type != SOCK_STREAM) {
    return error(errc::invalid_argument, "adopt socket: not a listening stream socket");
  }
  const int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return system_error("adopt socket");
  }
  auto s = std::make_shared<state>(executor);
  s->address = detail::bound_address(socket);
  return own(std::move(s), std::move(socket));
}

result<listener> listener::own(std::shared_ptr<state> s, unique_fd fd) {
  error_code ec;
  s->socket.assign(fd.get(), ec);
  if (ec) {
    return error(ec, "listen");
  }
  fd.release();
  return listener(std::move(s));
}

awaitable<result<accepted>> listener::accept() {
  return accept_on(state_);
}

awaitable<result<accepted>> listener::accept_on(std::shared_ptr<state> s) {
  for (;;) {
    if (!s->socket.is_open()) {
      co_return error(errc::aborted, "accept");
    }
    sockaddr_storage peer{};
    socklen_t size = sizeof(peer);
    unique_fd fd(::accept4(s->socket.native_handle(), reinterpret_cast<sockaddr*>(&peer), &size,
                           SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) {
      auto connection = adopt_socket(s->socket.get_executor(), std::move(fd));
      if (!connection) {
        co_return connection.error().in("accept");
      }
      co_return accepted{std::move(*connection), detail::to_vsock_address(peer)};
    }
    const int failure = errno;
    if (failure == EAGAIN) {
      co_await s->socket.async_wait(asio::posix::descriptor_base::wait_read, as_result);
    } else if (!concerns_connection(failure)) {
      co_return system_error(failure, "accept");
    }
  }
}

void listener::close() noexcept {
  state_->close();
}

vsock_address listener::local_address() const noexcept {
  return state_->address;
}

}  // namespace flow
