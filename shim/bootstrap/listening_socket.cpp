#include "shim/bootstrap/listening_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/error.hpp>
#include <cerrno>
#include <cstring>

#include "flow/system/unix_address.hpp"
#include "flow/system/unix_socket.hpp"

namespace shim {

using flow::result;
using flow::system_error;
using flow::unique_fd;
using std::filesystem::path;

namespace {

bool has_listener(const path& name) {
  const auto connection = flow::connect_unix(name);
  // A full backlog also means that a process is listening.
  return connection || connection.error().code() == boost::asio::error::would_block;
}

// Only the owner can ever open the socket: its mode is restricted before it is bound.
result<unique_fd> listen_privately(const path& name) {
  const mode_t before = ::umask(0177);
  auto listening = flow::listen_unix(name, SOMAXCONN);
  ::umask(before);
  return listening;
}

}  // namespace

result<std::optional<unique_fd>> listen_at(const path& name) {
  if (const auto fits = flow::to_unix_address(name); !fits) {
    return fits.error();
  }
  std::error_code ec;
  std::filesystem::create_directories(name.parent_path().parent_path(), ec);
  if (::mkdir(name.parent_path().c_str(), 0700) != 0 && errno != EEXIST) {
    return system_error("create " + name.parent_path().string());
  }
  auto listening = listen_privately(name);
  if (!listening && listening.error().code() == boost::asio::error::address_in_use) {
    if (has_listener(name)) {
      return std::optional<unique_fd>();
    }
    ::unlink(name.c_str());
    listening = listen_privately(name);
  }
  if (!listening) {
    return listening.error();
  }
  return std::optional<unique_fd>(std::move(*listening));
}

path bound_path(const unique_fd& socket) {
  sockaddr_un address{};
  socklen_t size = sizeof(address);
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      address.sun_family != AF_UNIX || size <= offsetof(sockaddr_un, sun_path)) {
    return {};
  }
  return {std::string(address.sun_path, ::strnlen(address.sun_path, sizeof(address.sun_path)))};
}

}  // namespace shim
