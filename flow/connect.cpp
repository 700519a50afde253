#include "flow/connect.hpp"

#include <sys/socket.h>
#include <sys/time.h>
// Needs the definitions of <sys/socket.h> before it.
#include <linux/vm_sockets.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "flow/deadline.hpp"
#include "flow/detail/socket.hpp"
#include "flow/detail/wait.hpp"
#include "flow/socket_transport.hpp"

namespace flow {
namespace {

using std::chrono::steady_clock;
using transport_ptr = std::unique_ptr<transport>;

// A unix listener with a full queue cannot be waited for; connecting is retried at this interval.
constexpr auto retry_interval = std::chrono::milliseconds(5);

// The longest answer of a hybrid socket, "OK 4294967295\n", fits well.
constexpr std::size_t max_answer = 32;

int connect_errno(int fd) {
  int value = 0;
  socklen_t size = sizeof(value);
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &size) == 0 ? value : errno;
}

awaitable<result<void>> connect_socket(transport& t, const detail::socket_address& address,
                                       const deadline& limit) {
  for (;;) {
    const int fd = t.native_handle();
    if (limit.expired()) {
      co_return error(errc::timed_out);
    }
    if (::connect(fd, address.get(), address.size()) == 0) {
      co_return result<void>();
    }
    if (errno == EAGAIN) {
      asio::steady_timer pause(t.get_executor(), retry_interval);
      co_await pause.async_wait(as_result);
      continue;
    }
    if (errno != EINPROGRESS && errno != EINTR) {
      co_return system_error({});
    }
    co_await detail::wait(t, transport::wait_type::write);
    if (limit.expired()) {
      co_return error(errc::timed_out);
    }
    const int failure = connect_errno(fd);
    if (failure == ETIMEDOUT) {
      co_return error(errc::timed_out);
    }
    if (failure != 0) {
      co_return system_error(failure, {});
    }
    co_return result<void>();
  }
}

// "OK <number>\n", read byte by byte: what follows already belongs to the connection.
awaitable<result<void>> read_answer(transport& t, const deadline& limit) {
  std::string answer;
  while (!answer.ends_with('\n')) {
    char c = 0;
    const iovec one{&c, 1};
    error_code ec;
    const std::size_t n = t.read_some({&one, 1}, ec);
    if (limit.expired()) {
      co_return error(errc::timed_out);
    }
    if (ec == asio::error::would_block) {
      co_await detail::wait(t, transport::wait_type::read);
    } else if (n == 0) {
      co_return error(errc::unavailable, "connection refused");
    } else if (answer.size() == max_answer) {
      co_return error(errc::protocol, "answer too long");
    } else {
      answer += c;
    }
  }
  constexpr std::string_view ok = "OK ";
  const auto number = std::string_view(answer).substr(std::min(ok.size(), answer.size() - 1));
  const auto digits = number.substr(0, number.size() - 1);
  if (!answer.starts_with(ok) || digits.empty() ||
      digits.find_first_not_of("0123456789") != std::string_view::npos) {
    co_return error(errc::protocol, "unexpected answer");
  }
  co_return result<void>();
}

// The command that a proxy receives before the connection is the caller's.
struct proxy_command {
  std::string text;
  bool answered = false;
};

awaitable<result<void>> send_command(transport& t, proxy_command c, const deadline& limit) {
  // In one piece: Firecracker drops a command that comes in two.
  const iovec whole{c.text.data(), c.text.size()};
  error_code ec;
  const std::size_t n = t.write_some({&whole, 1}, ec);
  if (n != c.text.size()) {
    co_return error(errc::unavailable, "connection refused");
  }
  if (!c.answered) {
    co_return result<void>();
  }
  co_return co_await read_answer(t, limit);
}

// By default the kernel gives up after two seconds; make it wait until our deadline.
result<void> set_connect_timeout(const unique_fd& fd, steady_clock::duration timeout) {
  timeval limit{};
  limit.tv_sec = std::chrono::ceil<std::chrono::seconds>(timeout).count() + 1;
  if (::setsockopt(fd.get(), AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &limit, sizeof(limit)) != 0) {
    return system_error("set vsock connect timeout");
  }
  return {};
}

// A socket and the address to connect it to.
struct target {
  transport_ptr connection;
  detail::socket_address address;
};

result<target> vsock_target(const asio::any_io_executor& executor, const vsock_address& address,
                            steady_clock::duration timeout, const vsock_options& options) {
  auto fd = detail::open_socket(AF_VSOCK);
  if (!fd) {
    return fd.error();
  }
  if (const auto set = set_connect_timeout(*fd, timeout); !set) {
    return set.error();
  }
  if (options.buffer_size != 0) {
    if (const auto set = detail::set_buffer_size(*fd, options.buffer_size); !set) {
      return set.error();
    }
  }
  auto connection = adopt_socket(executor, std::move(*fd));
  if (!connection) {
    return connection.error();
  }
  return target{std::move(*connection), detail::socket_address(address, options.to_host)};
}

result<target> unix_target(const asio::any_io_executor& executor, const std::string& path) {
  auto fd = detail::open_socket(AF_UNIX);
  if (!fd) {
    return fd.error();
  }
  auto address = detail::socket_address::of_path(path);
  if (!address) {
    return address.error();
  }
  auto connection = adopt_socket(executor, std::move(*fd));
  if (!connection) {
    return connection.error();
  }
  return target{std::move(*connection), std::move(*address)};
}

awaitable<result<transport_ptr>> connect(result<target> prepared, steady_clock::duration timeout,
                                         std::string where, proxy_command first = proxy_command()) {
  if (!prepared) {
    co_return prepared.error().in(where);
  }
  auto& t = *prepared->connection;
  const deadline limit(t.get_executor(), timeout, [&t] { t.close(); });
  auto done = co_await connect_socket(t, prepared->address, limit);
  if (done && !first.text.empty()) {
    done = co_await send_command(t, std::move(first), limit);
  }
  if (!done) {
    co_return done.error().in(where);
  }
  co_return std::move(prepared->connection);
}

}  // namespace

awaitable<result<transport_ptr>> connect_vsock(const asio::any_io_executor& executor,
                                               vsock_address address,
                                               steady_clock::duration timeout,
                                               vsock_options options) {
  return connect(vsock_target(executor, address, timeout, options), timeout,
                 "connect " + to_string(address));
}

awaitable<result<transport_ptr>> connect_unix(const asio::any_io_executor& executor,
                                              const std::string& path,
                                              steady_clock::duration timeout) {
  return connect(unix_target(executor, path), timeout, "connect " + path);
}

awaitable<result<transport_ptr>> connect_hybrid(const asio::any_io_executor& executor,
                                                const std::string& path, std::uint32_t port,
                                                steady_clock::duration timeout) {
  proxy_command c{"CONNECT " + std::to_string(port) + "\n", true};
  return connect(unix_target(executor, path), timeout,
                 "connect " + path + " port " + std::to_string(port), std::move(c));
}

awaitable<result<transport_ptr>> connect_hyperkit(const asio::any_io_executor& executor,
                                                  const std::string& directory, std::uint32_t port,
                                                  steady_clock::duration timeout) {
  proxy_command c{detail::hyperkit_name(detail::hyperkit_guest_cid, port) + "\n", false};
  return connect(unix_target(executor, directory + "/connect"), timeout,
                 "connect " + directory + " port " + std::to_string(port), std::move(c));
}

}  // namespace flow
