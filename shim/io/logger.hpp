// A logging program that a client named for a process's output ("binary:///usr/bin/logger?k=v"),
// nerdctl's for one.
//
//   argv        /usr/bin/logger k v ...
//   environment CONTAINER_ID, CONTAINER_NAMESPACE, nothing else
//   3, 4        what the process writes to its stdout and stderr, each a pipe
//   5           a pipe the logger writes a byte to, or closes, when it is ready
//
// It ends by itself when both pipes have ended. It is not told to while it has something to read,
// and it outlives a shim that is killed: what is in its pipes is logged all the same.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "flow/asio.hpp"
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
  logger(const flow::asio::any_io_executor& executor, std::string name,
         std::unique_ptr<child_process> process, flow::unique_fd ready, bool must_say_ready,
         const logger_limits& limits, flow::log& log);
  logger(const logger&) = delete;
  logger& operator=(const logger&) = delete;

  // The pipes, each once. One that is not taken ends at once for the logger.
  std::unique_ptr<sink> take_stdout() { return std::move(stdout_); }
  std::unique_ptr<sink> take_stderr() { return std::move(stderr_); }
  void close_untaken();

  // Returns when it is ready. An error: it does not say so in time, or has ended without saying so
  // where that is asked of it ("binary-v2").
  flow::awaitable<flow::result<void>> wait_ready();

  // Ends the logger if it is not ready yet.
  void give_up();

  // False if it has not ended after `limit`.
  flow::awaitable<bool> wait_ended(std::chrono::steady_clock::duration limit);

  // Returns when it has ended, which is seen to. Its pipes must be closed.
  flow::awaitable<void> join();

 private:
  flow::awaitable<void> watch();

  std::string name_;  // for messages
  std::unique_ptr<child_process> process_;
  boost::asio::posix::stream_descriptor ready_;
  bool must_say_ready_;
  const logger_limits& limits_;
  flow::log& log_;
  std::unique_ptr<sink> stdout_;
  std::unique_ptr<sink> stderr_;
  bool terminated_ = false;
  flow::event ended_;
  flow::task_group tasks_;
};

}  // namespace shim
