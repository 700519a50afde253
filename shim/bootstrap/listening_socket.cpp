#include "shim/bootstrap/listening_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace shim {

using flow::errc;
using flow::error;
using flow::result;
using flow::system_error;
using flow::unique_fd;
using std::filesystem::path;

namespace {

sockaddr_un address_of(const path& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = name.string();
  std::memcpy(address.sun_path, text.data(), std::min(text.size(), sizeof(address.sun_path) - 1));
  return address;
}

bool somebody_listens(const path& name) {
  const unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto address = address_of(name);
  // A full backlog (EAGAIN) is also somebody.
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
         errno == EAGAIN;
}

}  // namespace

result<std::optional<unique_fd>> listen_at(const path& name) {
  if (name.string().size() >= sizeof(sockaddr_un::sun_path)) {
    return error(errc::invalid_argument, "the socket's name is too long: " + name.string());
  }
  std::error_code ec;
  std::filesystem::create_directories(name.parent_path().parent_path(), ec);
  if (::mkdir(name.parent_path().c_str(), 0700) != 0 && errno != EEXIST) {
    return system_error("create " + name.parent_path().string());
  }
  unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) {
    return system_error("socket");
  }
  const auto address = address_of(name);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  const mode_t before = ::umask(0177);
  int bound = ::bind(fd.get(), generic, sizeof(address));
  if (bound != 0 && errno == EADDRINUSE) {
    if (somebody_listens(name)) {
      ::umask(before);
      return std::optional<unique_fd>();
    }
    ::unlink(name.c_str());
    bound = ::bind(fd.get(), generic, sizeof(address));
  }
  ::umask(before);
  if (bound != 0) {
    return system_error("bind " + name.string());
  }
  if (::listen(fd.get(), SOMAXCONN) != 0) {
    return system_error("listen at " + name.string());
  }
  return std::optional<unique_fd>(std::move(fd));
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
