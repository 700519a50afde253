#include "flow/address.hpp"

#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace flow {
namespace {

constexpr std::string_view scheme_end = "://";

// Prefix of a relative directory, which would otherwise look absolute.
constexpr std::string_view relative_mark = "/./";

error invalid(std::string what) {
  return {errc::invalid_argument, std::move(what)};
}

template <class T>
std::optional<T> parse_number(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    text.remove_prefix(2);
    base = 16;
  }
  T value{};
  const auto r = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (r.ec != std::errc() || r.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

result<std::uint32_t> parse_port(std::string_view text) {
  const auto port = parse_number<std::uint32_t>(text);
  if (!port) {
    return invalid("port \"" + std::string(text) + "\" is not a number from 0 to 4294967295");
  }
  return *port;
}

result<std::uint32_t> parse_cid(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::uint32_t>, 5> names{{
      {"", vsock_address::any},
      {"any", vsock_address::any},
      {"hypervisor", vsock_address::hypervisor},
      {"local", vsock_address::local},
      {"host", vsock_address::host},
  }};
  for (const auto& [name, cid] : names) {
    if (text == name) {
      return cid;
    }
  }
  const auto cid = parse_number<std::uint32_t>(text);
  if (!cid) {
    return invalid("cid \"" + std::string(text) +
                   "\" is not any, hypervisor, local, host or a number from 0 to 4294967295");
  }
  return *cid;
}

result<std::string> parse_path(std::string_view text) {
  if (text.empty()) {
    return invalid("the path is missing");
  }
  if (text.find('\0') != std::string_view::npos) {
    return invalid("the path contains a zero byte");
  }
  return std::string(text);
}

result<address> parse_vsock(std::string_view rest) {
  if (rest.ends_with('/')) {
    rest.remove_suffix(1);
  }
  const auto colon = rest.find(':');
  if (colon == std::string_view::npos) {
    return invalid("the port is missing");
  }
  const auto cid = parse_cid(rest.substr(0, colon));
  if (!cid) {
    return cid.error();
  }
  const auto port_text = rest.substr(colon + 1);
  if (port_text == "any") {
    return vsock_address{*cid, vsock_address::any};
  }
  const auto port = parse_port(port_text);
  if (!port) {
    return port.error();
  }
  return vsock_address{*cid, *port};
}

std::variant<guid, std::string> parse_machine(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, guid>, 5> names{{
      {"", hyperv_wildcard},
      {"wildcard", hyperv_wildcard},
      {"children", hyperv_children},
      {"loopback", hyperv_loopback},
      {"parent", hyperv_parent},
  }};
  for (const auto& [name, value] : names) {
    if (text == name) {
      return value;
    }
  }
  if (const auto g = parse_guid(text)) {
    return *g;
  }
  return std::string(text);
}

result<address> parse_hyperv(std::string_view rest) {
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos) {
    return invalid("the service is missing");
  }
  const auto service_text = rest.substr(slash + 1);
  const auto service = parse_guid(service_text);
  if (!service) {
    return invalid("service \"" + std::string(service_text) + "\" is not a GUID");
  }
  return hyperv_address{parse_machine(rest.substr(0, slash)), *service};
}

result<address> parse_hyperkit(std::string_view rest) {
  if (!rest.starts_with(':')) {
    return invalid("the form is hyperkit://:PORT/DIRECTORY");
  }
  const auto slash = rest.find('/');
  if (slash == std::string_view::npos) {
    return invalid("the directory is missing");
  }
  const auto port = parse_port(rest.substr(1, slash - 1));
  if (!port) {
    return port.error();
  }
  auto directory = rest.substr(slash);
  if (directory.starts_with(relative_mark)) {
    directory.remove_prefix(relative_mark.size());
  }
  auto path = parse_path(directory);
  if (!path) {
    return path.error();
  }
  return hyperkit_address{std::move(*path), *port};
}

result<address> parse_hybrid(std::string_view rest) {
  const auto colon = rest.rfind(':');
  if (colon == std::string_view::npos) {
    return invalid("the port is missing");
  }
  const auto port = parse_port(rest.substr(colon + 1));
  if (!port) {
    return port.error();
  }
  auto path = parse_path(rest.substr(0, colon));
  if (!path) {
    return path.error();
  }
  return hybrid_address{std::move(*path), *port};
}

result<address> parse_unix(std::string_view rest) {
  auto path = parse_path(rest);
  if (!path) {
    return path.error();
  }
  return unix_address{std::move(*path)};
}

result<address> parse_descriptor(std::string_view rest) {
  const auto fd = parse_number<int>(rest);
  if (!fd || *fd < 0) {
    return invalid("\"" + std::string(rest) + "\" is not the number of a descriptor");
  }
  return descriptor_address{*fd};
}

result<address> parse_by_scheme(std::string_view uri) {
  using parser = result<address> (*)(std::string_view);
  constexpr std::array<std::pair<std::string_view, parser>, 6> schemes{{
      {"vsock", parse_vsock},
      {"hvsock", parse_hyperv},
      {"hyperkit", parse_hyperkit},
      {"hybrid", parse_hybrid},
      {"unix", parse_unix},
      {"fd", parse_descriptor},
  }};
  const auto end = uri.find(scheme_end);
  if (end == std::string_view::npos) {
    return invalid("an address begins with a scheme, such as vsock://");
  }
  const auto scheme = uri.substr(0, end);
  for (const auto& [name, parse] : schemes) {
    if (scheme == name) {
      return parse(uri.substr(end + scheme_end.size()));
    }
  }
  return invalid("the scheme is not vsock, hvsock, hyperkit, hybrid, unix or fd");
}

std::string number_or_any(std::uint32_t value) {
  return value == vsock_address::any ? "any" : std::to_string(value);
}

struct printer {
  std::string operator()(const vsock_address& a) const {
    return "vsock://" + number_or_any(a.cid) + ":" + number_or_any(a.port);
  }
  std::string operator()(const hyperv_address& a) const {
    const auto* g = std::get_if<guid>(&a.machine);
    return "hvsock://" + (g != nullptr ? to_string(*g) : std::get<std::string>(a.machine)) + "/" +
           to_string(a.service);
  }
  std::string operator()(const hyperkit_address& a) const {
    return "hyperkit://:" + std::to_string(a.port) +
           (a.directory.starts_with('/') ? "" : std::string(relative_mark)) + a.directory;
  }
  std::string operator()(const hybrid_address& a) const {
    return "hybrid://" + a.path + ":" + std::to_string(a.port);
  }
  std::string operator()(const unix_address& a) const { return "unix://" + a.path; }
  std::string operator()(const descriptor_address& a) const {
    return "fd://" + std::to_string(a.fd);
  }
};

}  // namespace

result<address> parse_address(std::string_view uri) {
  auto parsed = parse_by_scheme(uri);
  if (!parsed) {
    return parsed.error().in("address \"" + std::string(uri) + "\"");
  }
  return parsed;
}

std::string to_uri(const address& a) {
  return std::visit(printer(), a);
}

}  // namespace flow
