// Names of Hyper-V sockets, a GUID for the virtual machine and one for the service, and their
// equivalents on Linux.
//
// A Linux guest of Hyper-V uses AF_VSOCK. Port p is the service "<p as 8 hexadecimal
// digits>-FACB-11E6-BD58-64006A7986D3"; a guest cannot listen on ports above 0x7fffffff. Only these
// machines have an equivalent: the parent is the host, the loopback is the machine itself, the
// wildcard is any. The host side of Hyper-V is not Linux.
// loopback the machine itself, the wildcard any. The host side of Hyper-V is not Linux.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "flow/error.hpp"
#include "flow/vsock.hpp"

namespace flow {

// The 16 bytes in written order.
struct guid {
  std::array<std::uint8_t, 16> bytes{};

  friend auto operator<=>(const guid&, const guid&) = default;
};

// Parses "A42E7CDA-D03F-480C-9CC2-A4DE20ABB878" in either case.
std::optional<guid> parse_guid(std::string_view text) noexcept;

// In upper case.
std::string to_string(const guid& g);

// The service of a port, and the port of a service: nothing for other services.
guid service_of_port(std::uint32_t port) noexcept;
std::optional<std::uint32_t> port_of_service(const guid& service) noexcept;

inline constexpr std::uint32_t max_hyperv_port = 0x7fffffff;

inline constexpr guid hyperv_wildcard{};
inline constexpr guid hyperv_children{{0x90, 0xdb, 0x8b, 0x89, 0x0d, 0x35, 0x4f, 0x79, 0x8c, 0xe9,
                                       0x49, 0xea, 0x0a, 0xc8, 0xb7, 0xcd}};
inline constexpr guid hyperv_loopback{{0xe0, 0xe1, 0x61, 0x97, 0xdd, 0x56, 0x4a, 0x10, 0x91, 0x95,
                                       0x5e, 0xe7, 0xa1, 0x55, 0xa8, 0x38}};
inline constexpr guid hyperv_parent{{0xa4, 0x2e, 0x7c, 0xda, 0xd0, 0x3f, 0x48, 0x0c, 0x9c, 0xc2,
                                     0xa4, 0xde, 0x20, 0xab, 0xb8, 0x78}};

struct hyperv_address {
  // A machine, by GUID or by its name on the Hyper-V host.
  std::variant<guid, std::string> machine;
  guid service;

  friend auto operator<=>(const hyperv_address&, const hyperv_address&) = default;
};

// The equivalent on Linux. errc::unsupported if there is none: a machine other than those named
// above, a service that is not a port, a port above max_hyperv_port.
result<vsock_address> to_vsock(const hyperv_address& a);

}  // namespace flow
