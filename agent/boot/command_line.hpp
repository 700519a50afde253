// The parameters that the host gives the agent on the kernel command line. Every process of the
// guest can read them, so they contain no secret.
#pragma once

#include <cstdint>
#include <string_view>

#include "flow/error.hpp"

namespace agent {

struct command_line {
  // port_parameter: the vsock port on the host (CID 2) where the shim waits for this guest, 1 or
  // more. 0 only with `probe`.
  std::uint32_t port = 0;

  // probe_parameter: log the first message and power off; the host only needs to know whether a
  // guest can run at all.
  bool probe = false;

  // debug_parameter: log protocol events too.
  bool debug = false;
};

// `text` is the content of /proc/cmdline. Words without the prefix of guest_contract are ignored;
// an unknown or malformed word with it is errc::invalid_argument, as is a missing port.
flow::result<command_line> parse_command_line(std::string_view text);

}  // namespace agent
