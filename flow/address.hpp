// Where a flow connects or listens, as a URI:
//
//   vsock://CID:PORT                 AF_VSOCK. CID: any (or nothing), hypervisor, local, host or a
//                                    number; PORT: any or a number
//   hvsock://MACHINE/SERVICE         Hyper-V. MACHINE: wildcard (or nothing), children, loopback,
//                                    parent, a GUID or a name; SERVICE: a GUID (hyperv.hpp)
//   hyperkit://:PORT/DIRECTORY       the unix sockets of HyperKit's vsock in that directory
//   hybrid://PATH:PORT               the unix socket in which Firecracker, Cloud Hypervisor and
//                                    vhost-device-vsock offer a guest's vsock
//   unix://PATH                      AF_UNIX
//   fd://N                           a descriptor that this process holds: connected, or listening
//
// Numbers are decimal, or hexadecimal after "0x"; 32 bits, unsigned. Paths are taken literally:
// nothing is unescaped. "unix:///run/s" is absolute, "unix://s" relative; a relative DIRECTORY is
// written "hyperkit://:80/./d". A slash after a vsock port is ignored.
//
// Parsing and printing make no system call; endpoint.hpp connects and listens.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "flow/error.hpp"
#include "flow/hyperv.hpp"
#include "flow/vsock.hpp"

namespace flow {

struct hyperkit_address {
  std::string directory;
  std::uint32_t port = 0;

  friend auto operator<=>(const hyperkit_address&, const hyperkit_address&) = default;
};

struct hybrid_address {
  std::string path;
  std::uint32_t port = 0;

  friend auto operator<=>(const hybrid_address&, const hybrid_address&) = default;
};

struct unix_address {
  std::string path;

  friend auto operator<=>(const unix_address&, const unix_address&) = default;
};

struct descriptor_address {
  int fd = -1;

  friend auto operator<=>(const descriptor_address&, const descriptor_address&) = default;
};

using address = std::variant<vsock_address, hyperv_address, hyperkit_address, hybrid_address,
                             unix_address, descriptor_address>;

// errc::invalid_argument, with the URI and the reason.
result<address> parse_address(std::string_view uri);

// The URI of an address: numbers in decimal, GUIDs in upper case, "any" for vsock_address::any.
// parse_address() returns the same address for it.
std::string to_uri(const address& a);

}  // namespace flow
