// The reference for a stream: the same socket and the same system calls, and nothing else.
#pragma once

#include <cstddef>
#include <span>

#include "flow/unique_fd.hpp"

namespace bench {

// How a program waits: in the call itself, or in epoll when the call would block.
enum class waiting { in_call, in_epoll };

class raw_socket {
 public:
  raw_socket(flow::unique_fd fd, waiting how);

  // False if the peer has closed.
  bool write(std::span<const std::byte> bytes);
  std::size_t read_some(std::span<std::byte> to);  // 0: the peer has closed
  bool read_all(std::span<std::byte> to);

 private:
  void wait(unsigned events);

  flow::unique_fd fd_;
  flow::unique_fd epoll_;
  int flags_;
  unsigned waits_for_;
};

}  // namespace bench
