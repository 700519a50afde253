#include "flow/detail/socket.hpp"

#include <fcntl.h>
#include <sys/un.h>
// Needs the definitions of <sys/socket.h> before it.
#include <linux/vm_sockets.h>

#include <array>
#include <cstdio>
#include <cstring>

namespace flow::detail {

result<unique_fd> open_socket(int family) {
  unique_fd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) {
    return system_error("create socket");
  }
  return fd;
}

socket_address::socket_address(const vsock_address& a, bool to_host) noexcept {
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = a.cid;
  address.svm_port = a.port;
  address.svm_flags = to_host ? VMADDR_FLAG_TO_HOST : 0;
  std::memcpy(&storage_, &address, sizeof(address));
  size_ = sizeof(address);
}

result<socket_address> socket_address::of_path(const std::string& path) {
  socket_address result;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string name = path;
  if (name.size() >= sizeof(address.sun_path)) {
    const auto slash = path.rfind('/');
    if (slash == std::string::npos) {
      return error(errc::invalid_argument, "socket path " + path);
    }
    const std::string directory = path.substr(0, slash + 1);
    result.directory_.reset(::open(directory.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!result.directory_) {
      return system_error("open " + directory);
    }
    name = "/proc/self/fd/" + std::to_string(result.directory_.get()) + path.substr(slash);
  }
  if (name.empty() || name.size() >= sizeof(address.sun_path) ||
      name.find('\0') != std::string::npos) {
    return error(errc::invalid_argument, "socket path " + path);
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  std::memcpy(&result.storage_, &address, sizeof(address));
  result.size_ = sizeof(address);
  return result;
}

const sockaddr* socket_address::get() const noexcept {
  return reinterpret_cast<const sockaddr*>(&storage_);
}

vsock_address to_vsock_address(const sockaddr_storage& address) noexcept {
  if (address.ss_family != AF_VSOCK) {
    return {};
  }
  sockaddr_vm vm{};
  std::memcpy(&vm, &address, sizeof(vm));
  return {vm.svm_cid, vm.svm_port};
}

vsock_address bound_address(const unique_fd& socket) noexcept {
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return {};
  }
  return to_vsock_address(address);
}

result<int> socket_option(int socket, int option) {
  int value = 0;
  socklen_t size = sizeof(value);
  if (::getsockopt(socket, SOL_SOCKET, option, &value, &size) != 0) {
    return system_error("query socket");
  }
  return value;
}

// The kernel caps the size at the maximum, so the maximum is raised first.
result<void> set_buffer_size(const unique_fd& socket, std::uint64_t size) {
  for (const int option : {SO_VM_SOCKETS_BUFFER_MAX_SIZE, SO_VM_SOCKETS_BUFFER_SIZE}) {
    if (::setsockopt(socket.get(), AF_VSOCK, option, &size, sizeof(size)) != 0) {
      return system_error("set vsock buffer size");
    }
  }
  return {};
}

std::string hyperkit_name(std::uint32_t cid, std::uint32_t port) {
  std::array<char, 18> text;
  std::snprintf(text.data(), text.size(), "%08x.%08x", cid, port);
  return text.data();
}

}  // namespace flow::detail
