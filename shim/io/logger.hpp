// A logging program that a client named for a process's output ("binary:///usr/bin/logger?k=v"),
// nerdctl's for one.
//
//   argv        /usr/bin/logger k v ...
//   environment CONTAINER_ID, CONTAINER_NAMESPACE, nothing else
//   3, 4        what the process writes to its stdout and stderr, each a pipe
//   5           a pipe the logger writes a byte to, or closes, when it is ready
//
// It exits on its own when both pipes have ended. It is not asked to while it has something to
// read, and it outlives a shim that is killed: what is in its pipes is logged all the same.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <memory>
#include <string>

#include "flow/asio.hpp"
#include "flow/clock.hpp"
#include "flow/error.hpp"
#include "flow/event.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "flow/unique_fd.hpp"
#include "shim/config/limits.hpp"
#include "shim/io/sink.hpp"
#include "shim/io/stdio_uri.hpp"
#include "shim/support/child_process.hpp"

namespace shim {

// Whose output it is.
struct stdio_owner {
  std::string container_id;
  std::string containerd_namespace;
};

class logger {
 public:
  // Starts what `uri`, of kind binary, names. errc::invalid_argument if its path is not absolute,
  // the system's error if it cannot be executed. `limits` and `log` outlive the object.
  static flow::result<std::unique_ptr<logger>> start(const flow::asio::any_io_executor& executor,
                                                     const stdio_uri& uri, const stdio_owner& owner,
                                                     const logger_limits& limits, flow::log& log);

  // One that was started.
  struct program {
    std::string name;  // for messages
    std::unique_ptr<child_process> process;
    flow::unique_fd ready;   // the reading end
    bool must_signal_ready;  // by a byte; closing the pipe is not enough
  };
  logger(const flow::asio::any_io_executor& executor, program started, const logger_limits& limits,
         flow::log& log);
  logger(const logger&) = delete;
  logger& operator=(const logger&) = delete;

  // The pipes, each once. One that is not taken ends at once for the logger.
  std::unique_ptr<sink> take_stdout() { return std::move(stdout_); }
  std::unique_ptr<sink> take_stderr() { return std::move(stderr_); }
  void close_untaken();

  // Returns when it is ready. errc::timed_out if it does not signal that within limits.ready;
  // errc::unavailable if it closes the pipe without a byte although that is required ("binary-v2").
  flow::awaitable<flow::result<void>> wait_ready();

  // Kills the logger if it is not ready yet.
  void give_up();

  // Returns false if it has not exited after `limit`.
  flow::awaitable<bool> wait_ended(flow::clock::duration limit);

  // Returns when it has exited: on its own, or by SIGTERM after limits.end, or by SIGKILL
  // limits.terminate later. Its pipes must be closed.
  flow::awaitable<void> join();

 private:
  flow::awaitable<void> watch();

  std::string name_;  // for messages
  std::unique_ptr<child_process> process_;
  boost::asio::posix::stream_descriptor ready_;
  bool must_signal_ready_;
  const logger_limits& limits_;
  flow::log& log_;
  std::unique_ptr<sink> stdout_;
  std::unique_ptr<sink> stderr_;
  bool terminated_ = false;
  flow::event ended_;
  flow::task_group tasks_;
};

}  // namespace shim
