// Pairs of connected descriptors. All are close-on-exec.
#pragma once

#include "flow/error.hpp"
#include "flow/unique_fd.hpp"

namespace flow {

struct pipe_ends {
  unique_fd reader;
  unique_fd writer;
};

// `flags` as for pipe2(2), for both ends: O_NONBLOCK, or none.
result<pipe_ends> make_pipe(int flags = 0);

// The two ends are alike; the names tell which stays here and which is passed on.
struct socket_pair {
  unique_fd ours;
  unique_fd theirs;
};

// Connected unix sockets. `type` as for socketpair(2), for both ends: SOCK_STREAM or
// SOCK_SEQPACKET, with SOCK_NONBLOCK if need be.
result<socket_pair> make_socket_pair(int type);

}  // namespace flow
