#include "flow/system/unix_socket.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>

namespace flow {
namespace {

constexpr int backlog = 128;

result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // One byte remains 0.
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return error(errc::invalid_argument, path + ": not a path for a unix socket");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

result<unique_fd> stream_socket() {
  unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) {
    return system_error("socket");
  }
  return fd;
}

}  // namespace

result<unique_fd> listen_unix(const std::string& path) {
  const auto address = address_of(path);
  if (!address) {
    return address.error();
  }
  auto fd = stream_socket();
  if (!fd) {
    return fd;
  }
  if (::bind(fd->get(), generic(*address), sizeof *address) != 0 ||
      ::listen(fd->get(), backlog) != 0) {
    return system_error("listen at " + path);
  }
  return fd;
}

result<unique_fd> connect_unix(const std::string& path) {
  const auto address = address_of(path);
  if (!address) {
    return address.error();
  }
  auto fd = stream_socket();
  if (!fd) {
    return fd;
  }
  if (::connect(fd->get(), generic(*address), sizeof *address) != 0) {
    return system_error("connect to " + path);
  }
  return fd;
}

result<unique_fd> accept_unix(int listener) {
  unique_fd fd(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd) {
    return system_error("accept");
  }
  return fd;
}

}  // namespace flow
