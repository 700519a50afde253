// The exit statuses of the tools.
#pragma once

#include "flow/error.hpp"

namespace flow::tools {

enum class exit_status : int {
  done = 0,           // everything arrived, both ways, and the connection ended cleanly
  failure = 1,        // connecting failed, a file or a socket failed, a check failed
  usage = 2,          // the command line is invalid
  truncated = 3,      // the connection ended without notice: bytes may be missing
  reset = 4,          // the connection was reset
  timed_out = 5,      // a time limit given on the command line expired
  protocol = 6,       // the peer violated the protocol
  unread = 7,         // the peer stopped reading before everything was sent
  interrupted = 130,  // SIGINT or SIGTERM
};

// The exit status for an error of a connection.
exit_status status_of(const error_code& ec) noexcept;

}  // namespace flow::tools
