// The command line of hvsock-vsockd.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "flow/error.hpp"
#include "flow/system/log.hpp"

namespace flow::device {

struct options {
  int vhost_fd = -1;         // connected to QEMU's chardev; -1: listen at vhost_socket
  std::string vhost_socket;  // where to listen for QEMU, for use by hand
  std::uint32_t guest_cid = 0;
  int uplink_fd = -1;       // -1: hybrid
  std::string hybrid_path;  // the unix socket of the hybrid form
  log::level level = log::level::info;
  bool unconfined = false;
  bool help = false;
};

// `arguments` excludes the program's name. errc::invalid_argument with a message for the user.
result<options> parse_options(std::span<const char* const> arguments);

std::string_view usage() noexcept;

}  // namespace flow::device
