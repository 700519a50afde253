#include "flow/device/options.hpp"

#include <array>

#include "flow/system/number.hpp"

namespace flow::device {
namespace {

// 0 is the hypervisor, 1 the local machine, 2 the host, and 0xffffffff "any".
constexpr std::uint32_t least_guest_cid = 3;
constexpr std::uint32_t last_guest_cid = 0xfffffffe;

bool parse_descriptor(std::string_view text, int& fd) {
  const auto number = parse_number<int>(text, 0);
  fd = number.value_or(-1);
  return number.has_value();
}

bool parse_path(std::string_view text, std::string& path) {
  path = text;
  return !path.empty();
}

bool parse_cid(std::string_view text, std::uint32_t& cid) {
  const auto number = parse_number<std::uint32_t>(text, least_guest_cid, last_guest_cid);
  cid = number.value_or(0);
  return number.has_value();
}

bool parse_level(std::string_view text, log::level& level) {
  constexpr std::array<std::pair<std::string_view, log::level>, 4> names{{
      {"debug", log::level::debug},
      {"info", log::level::info},
      {"warning", log::level::warning},
      {"error", log::level::error},
  }};
  for (const auto& [name, value] : names) {
    if (name == text) {
      level = value;
      return true;
    }
  }
  return false;
}

bool set_value(options& o, std::string_view name, std::string_view value, bool& known) {
  known = true;
  if (name == "--vhost-fd") return parse_descriptor(value, o.vhost_fd);
  if (name == "--vhost-socket") return parse_path(value, o.vhost_socket);
  if (name == "--guest-cid") return parse_cid(value, o.guest_cid);
  if (name == "--uplink-fd") return parse_descriptor(value, o.uplink_fd);
  if (name == "--hybrid") return parse_path(value, o.hybrid_path);
  if (name == "--log-level") return parse_level(value, o.level);
  known = false;
  return false;
}

error invalid(std::string sentence) {
  return {errc::invalid_argument, std::move(sentence)};
}

}  // namespace

std::string_view usage() noexcept {
  return
      R"(usage: hvsock-vsockd (--vhost-fd N | --vhost-socket PATH) --guest-cid CID
                     (--uplink-fd M | --hybrid PATH) [--log-level LEVEL] [--unconfined]

A vhost-user vsock device: the back end of QEMU's vhost-user-vsock-pci.

  --vhost-fd N         stream socket whose other end is QEMU's chardev
  --vhost-socket PATH  listen here and serve the first front end that connects
  --guest-cid CID      the guest's context id, 3 to 4294967294
  --uplink-fd M        seqpacket socket over which the guest's connections are handed out
  --hybrid PATH        guest port P connects to PATH_P; "CONNECT P" at PATH connects to the guest
  --log-level LEVEL    debug, info (default), warning or error; the log is standard error
  --unconfined         for debugging: no namespaces, no system call filter
)";
}

result<options> parse_options(std::span<const char* const> arguments) {
  options o;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string name = arguments[i];
    if (name == "--help") {
      o.help = true;
      return o;
    }
    if (name == "--unconfined") {
      o.unconfined = true;
      continue;
    }
    bool known = false;
    const bool has_value = i + 1 < arguments.size();
    const bool valid = set_value(o, name, has_value ? arguments[i + 1] : "", known);
    if (!known) {
      return invalid("unknown option " + name);
    }
    if (!has_value) {
      return invalid(name + " needs a value");
    }
    if (!valid) {
      return invalid(std::string(arguments[i + 1]) + " is not a value for " + name);
    }
    ++i;
  }
  if ((o.vhost_fd >= 0) != o.vhost_socket.empty()) {
    return invalid("give either --vhost-fd or --vhost-socket");
  }
  if ((o.uplink_fd >= 0) != o.hybrid_path.empty()) {
    return invalid("give either --uplink-fd or --hybrid");
  }
  if (o.guest_cid == 0) {
    return invalid("--guest-cid is missing");
  }
  return o;
}

}  // namespace flow::device
