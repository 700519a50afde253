#include "agent/io/console_socket.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <vector>

#include "flow/system/scm_rights.hpp"

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

  // The payload that comes with the descriptor is a name of the pty, which is not needed.
  std::array<std::byte, 256> name{};
  std::vector<unique_fd> sent;
  const auto received = flow::receive_with_descriptors(connection.get(), name, sent);
  if (!received && received.error().code() != errc::protocol) {
    return flow::error(received.error()).in("console socket");
  }
  if (!received || sent.size() > 1) {
    return error(errc::protocol, "console socket: received more than one descriptor");
  }
  if (sent.empty()) {
    return error(errc::protocol, "console socket: received no descriptor");
  }
  unique_fd master = std::move(sent.front());
  if (::isatty(master.get()) == 0) {
    return error(errc::protocol, "console socket: received descriptor is not a terminal");
  }
  if (::fcntl(master.get(), F_SETFL, O_RDWR | O_NONBLOCK) != 0) {
    return system_error("terminal");
  }
  return master;
}

}  // namespace agent
