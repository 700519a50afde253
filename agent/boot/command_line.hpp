// What the host tells the agent on the kernel command line. Every process of the guest can read it,
// so it holds no secret.
#pragma once

#include <cstdint>
#include <string_view>

#include "flow/error.hpp"
#include "flow/system/log.hpp"

namespace agent {

struct command_line {
  // hvsock.port=N: the vsock port on the host (CID 2) where the shim waits for this guest.
  std::uint32_t port = 0;

  // hvsock.probe: say a word on the console and power off; the host only wants to know whether a
  // guest can run at all.
  bool probe = false;

  // hvsock.debug: log protocol events too.
  bool debug = false;
};

// `text` is /proc/cmdline. What is not ours is ignored; ours in a wrong form is an error.
flow::result<command_line> parse_command_line(std::string_view text);

}  // namespace agent
