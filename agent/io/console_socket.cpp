#include "agent/io/console_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
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
  // A second descriptor would fit into the padding, and be ours to close.
  constexpr std::size_t most = (CMSG_SPACE(sizeof(int)) - CMSG_LEN(0)) / sizeof(int);
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
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
    return error(errc::protocol, "console socket: no terminal was sent");
  }
  std::array<unique_fd, most> sent;
  const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < std::min(count, most); ++i) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(header) + i * sizeof(fd), sizeof(fd));
    sent[i].reset(fd);
  }
  if (count != 1 || (message.msg_flags & MSG_CTRUNC) != 0) {
    return error(errc::protocol, "console socket: more than a terminal was sent");
  }
  unique_fd master = std::move(sent.front());
  if (::isatty(master.get()) == 0) {
    return error(errc::protocol, "console socket: what was sent is no terminal");
  }
  if (::fcntl(master.get(), F_SETFL, O_RDWR | O_NONBLOCK) != 0) {
    return system_error("terminal");
  }
  return master;
}

}  // namespace agent
