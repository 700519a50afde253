// How the tools end.
#pragma once

#include "flow/error.hpp"

namespace flow::tools {

enum class exit_status : int {
  done = 0,           // everything arrived, both ways, and the connection ended cleanly
  failure = 1,        // nobody to connect to, a file or a socket failed, a check failed
  usage = 2,          // the command line is wrong
  truncated = 3,      // the connection ended without a word: bytes may be missing
  reset = 4,          // the connection was reset
  timed_out = 5,      // a time limit of the command line passed
  protocol = 6,       // the peer broke the protocol
  unread = 7,         // the peer stopped reading before everything was sent
  interrupted = 130,  // SIGINT or SIGTERM
};

// What an error of a connection means.
exit_status status_of(const error_code& ec) noexcept;

}  // namespace flow::tools
