#include "agent/io/console_socket.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "flow/system/scm_rights.hpp"
#include "flow/system/unix_socket.hpp"

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
  auto listener = flow::listen_unix(path, 1);
  if (!listener) {
    return listener.error().in("console socket");
  }
  return console_socket(std::move(path), std::move(*listener));
}

result<unique_fd> console_socket::receive() {
  const auto connection = flow::accept_unix(listener_.get());
  if (!connection) {
    return connection.error().in("console socket");
  }

  // The payload that comes with the descriptor is a name of the pty, which is not needed.
  std::array<std::byte, 256> name{};
  std::vector<unique_fd> sent;
  const auto received = flow::receive_with_descriptors(connection->get(), name, sent);
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
