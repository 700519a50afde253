#include "agent/io/console_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

namespace agent {

using flow::errc;
using flow::error;
using flow::result;
using flow::system_error;
using flow::unique_fd;

console_socket::console_socket(std::string path, unique_fd listener)
    : path_(std::move(path)), listener_(std::move(listener)) {}

console_socket::~console_socket() {
  if (listener_) {
    ::unlink(path_.c_str());
  }
}

result<console_socket> console_socket::listen(std::string path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return error(errc::invalid_argument, "console socket: path too long: " + path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  unique_fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener) {
    return system_error("console socket");
  }
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      ::listen(listener.get(), 1) != 0) {
    return system_error("console socket: listen at " + path);
  }
  return console_socket(std::move(path), std::move(listener));
}

result<unique_fd> console_socket::receive() {
  const unique_fd connection(
      ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection) {
    return system_error("console socket: accept");
  }

  // The runtime sends the descriptor with some name of the pty as payload.
  std::array<char, 256> payload{};
  iovec part{payload.data(), payload.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  if (::recvmsg(connection.get(), &message, MSG_CMSG_CLOEXEC) < 0) {
    return system_error("console socket: receive");
  }
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(sizeof(int))) {
    return error(errc::protocol, "console socket: no terminal was sent");
  }
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof(fd));
  unique_fd master(fd);
  if (::fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) != 0) {
    return system_error("terminal");
  }
  return master;
}

}  // namespace agent
