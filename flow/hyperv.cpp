#include "flow/hyperv.hpp"

#include <algorithm>

namespace flow {
namespace {

constexpr std::size_t guid_length = 36;

// The rest of a service GUID that stands for a port, after the port.
constexpr std::array<std::uint8_t, 12> port_suffix{0xfa, 0xcb, 0x11, 0xe6, 0xbd, 0x58,
                                                   0x64, 0x00, 0x6a, 0x79, 0x86, 0xd3};

constexpr bool has_dash_before(std::size_t byte) {
  return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

std::optional<std::uint8_t> digit(char c) {
  if (c >= '0' && c <= '9') {
    return static_cast<std::uint8_t>(c - '0');
  }
  if (c >= 'a' && c <= 'f') {
    return static_cast<std::uint8_t>(c - 'a' + 10);
  }
  if (c >= 'A' && c <= 'F') {
    return static_cast<std::uint8_t>(c - 'A' + 10);
  }
  return std::nullopt;
}

result<std::uint32_t> to_cid(const std::variant<guid, std::string>& machine) {
  if (const auto* g = std::get_if<guid>(&machine)) {
    if (*g == hyperv_parent) {
      return vsock_address::host;
    }
    if (*g == hyperv_loopback) {
      return vsock_address::local;
    }
    if (*g == hyperv_wildcard) {
      return vsock_address::any;
    }
  }
  return error(errc::unsupported,
               "only the parent, the loopback and the wildcard can be reached from Linux");
}

}  // namespace

std::optional<guid> parse_guid(std::string_view text) noexcept {
  if (text.size() != guid_length) {
    return std::nullopt;
  }
  guid g;
  std::size_t at = 0;
  for (std::size_t i = 0; i < g.bytes.size(); ++i) {
    if (has_dash_before(i) && text[at++] != '-') {
      return std::nullopt;
    }
    const auto high = digit(text[at++]);
    const auto low = digit(text[at++]);
    if (!high || !low) {
      return std::nullopt;
    }
    g.bytes[i] = static_cast<std::uint8_t>(*high << 4U | *low);
  }
  return g;
}

std::string to_string(const guid& g) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string text;
  for (std::size_t i = 0; i < g.bytes.size(); ++i) {
    if (has_dash_before(i)) {
      text += '-';
    }
    text += digits[g.bytes[i] >> 4U];
    text += digits[g.bytes[i] & 0xfU];
  }
  return text;
}

guid service_of_port(std::uint32_t port) noexcept {
  guid g;
  for (std::size_t i = 0; i < 4; ++i) {
    g.bytes[i] = static_cast<std::uint8_t>(port >> (24 - 8 * i));
  }
  std::copy(port_suffix.begin(), port_suffix.end(), g.bytes.begin() + 4);
  return g;
}

std::optional<std::uint32_t> port_of_service(const guid& service) noexcept {
  if (!std::equal(port_suffix.begin(), port_suffix.end(), service.bytes.begin() + 4)) {
    return std::nullopt;
  }
  std::uint32_t port = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    port = port << 8U | service.bytes[i];
  }
  return port;
}

result<vsock_address> to_vsock(const hyperv_address& a) {
  const auto cid = to_cid(a.machine);
  if (!cid) {
    return cid.error();
  }
  const auto port = port_of_service(a.service);
  if (!port || *port > max_hyperv_port) {
    return error(errc::unsupported,
                 "service " + to_string(a.service) + " is not a port of a guest");
  }
  return vsock_address{*cid, *port};
}

}  // namespace flow
