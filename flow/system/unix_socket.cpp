#include "flow/system/unix_socket.hpp"

#include <sys/socket.h>

#include "flow/system/unix_address.hpp"

namespace flow {
namespace {

result<unique_fd> stream_socket() {
  unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) {
    return system_error("socket");
  }
  return fd;
}

}  // namespace

result<unique_fd> listen_unix(const std::string& path, int backlog) {
  const auto address = to_unix_address(path);
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
  const auto address = to_unix_address(path);
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
