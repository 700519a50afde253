// Waits for a descriptor that is shared with other processes, such as standard input and output: it
// is not changed in any way, above all not made non-blocking.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>

#include "flow/asio.hpp"

namespace flow::tools {

class shared_descriptor {
 public:
  enum class use { read, write };

  // `fd` is borrowed.
  shared_descriptor(const asio::any_io_executor& executor, int fd, use u);

  int fd() const noexcept { return fd_; }

  // A regular file: always ready.
  bool never_blocks() const noexcept { return never_blocks_; }

  // Whether a read or a small write would not block now.
  bool ready() const noexcept;

  // Returns when it may be ready, and after cancel(). One wait at a time, which must not
  // outlive the object.
  awaitable<void> wait();
  void cancel() noexcept;

 private:
  int fd_;
  use use_;
  asio::posix::stream_descriptor readiness_;  // an epoll instance of our own with `fd_` in it
  bool never_blocks_ = false;
};

}  // namespace flow::tools
