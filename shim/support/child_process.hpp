// A program that the shim runs: killed and reaped at the latest when its owner is destroyed.
#pragma once

#include <sys/types.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <csignal>
#include <cstdint>
#include <memory>
#include <string>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/system/spawn.hpp"

namespace shim {

class child_process {
 public:
  // What happens to the child if the shim is killed.
  enum class lifetime { ends_with_shim, own };

  static flow::result<std::unique_ptr<child_process>> start(
      const flow::asio::any_io_executor& executor, flow::command c,
      lifetime bound = lifetime::ends_with_shim);
  child_process(const flow::asio::any_io_executor& executor, std::string name, pid_t pid,
                int pidfd);
  child_process(const child_process&) = delete;
  child_process& operator=(const child_process&) = delete;

  // Kills the child and waits until it is reaped, unless it has ended already.
  ~child_process();

  pid_t pid() const noexcept { return pid_; }
  bool ended() const noexcept { return ended_; }

  void kill(int signal = SIGKILL) noexcept;

  // Returns when the child has ended and been reaped. There may be several waiters.
  flow::awaitable<void> wait();

  // Whether it exited with status 0. Only after wait().
  bool ended_well() const noexcept;

  // How it ended, for a message: "qemu-system-x86_64 exited with status 1", "... was killed by
  // signal 9". Only after wait().
  std::string end_text() const;

 private:
  void reap(int flags) noexcept;

  std::string name_;
  pid_t pid_;
  boost::asio::posix::stream_descriptor pidfd_;
  bool ended_ = false;
  int code_ = 0;    // CLD_EXITED and friends
  int status_ = 0;  // exit status or signal
};

}  // namespace shim
