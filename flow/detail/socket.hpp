// System calls that connecting and listening share.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "flow/error.hpp"
#include "flow/unique_fd.hpp"
#include "flow/vsock.hpp"

namespace flow::detail {

// A new stream socket: non-blocking, not inherited by other programs.
result<unique_fd> open_socket(int family);

// An address in the form that system calls take.
class socket_address {
 public:
  explicit socket_address(const vsock_address& a, bool to_host = false) noexcept;

  // A path too long for sockaddr_un is reached through a descriptor of its directory, held here.
  static result<socket_address> of_path(const std::string& path);

  const sockaddr* get() const noexcept;
  socklen_t size() const noexcept { return size_; }

 private:
  socket_address() = default;

  sockaddr_storage storage_{};
  socklen_t size_ = 0;
  unique_fd directory_;
};

// Both fields are vsock_address::any if `address` is of another family.
vsock_address to_vsock_address(const sockaddr_storage& address) noexcept;

// The address to which the system bound `socket`.
vsock_address bound_address(const unique_fd& socket) noexcept;

// The value of a SOL_SOCKET option.
result<int> socket_option(int socket, int option);

result<void> set_buffer_size(const unique_fd& socket, std::uint64_t size);

// HyperKit has one guest; its sockets are named "%08x.%08x", context ID and port.
inline constexpr std::uint32_t hyperkit_guest_cid = 3;
std::string hyperkit_name(std::uint32_t cid, std::uint32_t port);

}  // namespace flow::detail
