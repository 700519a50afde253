// Addresses of hypervisor sockets (AF_VSOCK): a context ID names a machine, a port a service on it.
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
  // Bytes that may be in flight to this socket, 0 for the kernel's default (256 KiB). The smaller
  // size of the two ends limits the sender, so both have to raise it.
  std::uint64_t buffer_size = 0;

  // For connecting from a guest: go through the host, whatever the context ID is, to reach another
  // of its guests (VMADDR_FLAG_TO_HOST).
  bool to_host = false;
};

// The context ID of this machine. An error if /dev/vsock is missing or no transport is loaded.
result<std::uint32_t> local_cid();

}  // namespace flow
