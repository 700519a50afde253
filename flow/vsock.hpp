// Addresses of hypervisor sockets (AF_VSOCK): a context id names a machine, a port a service on it.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "flow/error.hpp"

namespace flow {

struct vsock_address {
  static constexpr std::uint32_t any = 0xffffffff;  // any context id, or any free port
  static constexpr std::uint32_t hypervisor = 0;
  static constexpr std::uint32_t local = 1;  // loopback
  static constexpr std::uint32_t host = 2;

  std::uint32_t cid = any;
  std::uint32_t port = any;

  friend auto operator<=>(const vsock_address&, const vsock_address&) = default;
};

// "vsock:2:1024"
std::string to_string(const vsock_address& a);

struct vsock_options {
  // How much may be on the way to this socket, 0 for the kernel's default (256 KiB). The sender is
  // limited by the smaller of the two ends' sizes, so both have to raise it.
  std::uint64_t buffer_size = 0;

  // For connecting: through the host, whatever the context id says, to reach another guest of it
  // from a guest (VMADDR_FLAG_TO_HOST).
  bool to_host = false;
};

// The context id of this machine. An error where /dev/vsock is missing or no transport is loaded.
result<std::uint32_t> local_cid();

}  // namespace flow
