// Sends and receives descriptors with the bytes of a unix socket (SCM_RIGHTS).
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <span>
#include <vector>

#include "flow/error.hpp"
#include "flow/unique_fd.hpp"

namespace flow {

// More than any message here carries. The kernel closes those in excess, which is reported as
// errc::protocol: a message is never accepted with descriptors missing.
inline constexpr std::size_t max_descriptors = 8;

// Receives up to bytes.size() bytes and appends the descriptors that came with them, close-on-exec,
// to `descriptors`. Never blocks. 0 bytes = end of the stream.
result<std::size_t> receive_with_descriptors(int socket, std::span<std::byte> bytes,
                                             std::vector<unique_fd>& descriptors);

// Sends all of `bytes` with `descriptors`, which are borrowed. Never blocks and never raises
// SIGPIPE. A stream socket that takes only part of them is an error: the messages here are small,
// so the peer has stopped reading.
result<> send_with_descriptors(int socket, std::span<const std::byte> bytes,
                               std::span<const int> descriptors);

}  // namespace flow
