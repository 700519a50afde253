// Unix stream sockets by path.
#pragma once

#include <string>

#include "flow/error.hpp"
#include "flow/unique_fd.hpp"

namespace flow {

// Listens at `path`, which must not exist; the caller removes it afterwards. Non-blocking. At most
// `backlog` clients wait to be accepted, fewer if the system allows fewer.
result<unique_fd> listen_unix(const std::string& path, int backlog = 128);

// Connects to `path` without blocking: a listener whose backlog is full is also an error. The
// socket is non-blocking.
result<unique_fd> connect_unix(const std::string& path);

// The next client of a listener, as a non-blocking socket. would_block if there is none.
result<unique_fd> accept_unix(int listener);

}  // namespace flow
