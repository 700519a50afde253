// Reaps every child of this process: those that the agent started, and orphans, which pid 1 inherits.
//
// An exit can be seen before anything knows that the pid matters: a container's first process is a
// grandchild, and crun reports its pid only afterwards. While an expectation exists, exits of pids
// that nothing watches are kept, and watch() finds them.
#pragma once

#include <sys/types.h>

#include <boost/asio/signal_set.hpp>
#include <cstdint>
#include <functional>
#include <unordered_map>

#include "flow/asio.hpp"

namespace agent {

struct process_exit {
  std::uint32_t status = 0;    // exit code, or 128 + signal
  std::int64_t exited_at = 0;  // nanoseconds since the Unix epoch
};

class reaper {
 public:
  using handler = std::function<void(process_exit)>;

  explicit reaper(flow::asio::any_io_executor executor);
  reaper(const reaper&) = delete;
  reaper& operator=(const reaper&) = delete;

  // Reaps until stop() is called.
  flow::awaitable<void> run();
  void stop();

  // Calls `on_exit` once, from run() or, if the exit was seen already, from within this call.
  void watch(pid_t pid, handler on_exit);

  // Returns when the process has exited.
  flow::awaitable<process_exit> wait(pid_t pid);

  // While one exists, exits of pids that nothing watches are kept.
  class expectation {
   public:
    explicit expectation(reaper& owner) : owner_(owner) { ++owner_.expectations_; }
    expectation(const expectation&) = delete;
    expectation& operator=(const expectation&) = delete;
    ~expectation() {
      if (--owner_.expectations_ == 0) {
        owner_.unclaimed_.clear();
      }
    }

   private:
    reaper& owner_;
  };

 private:
  void reap_all();

  flow::asio::any_io_executor executor_;
  boost::asio::signal_set child_exited_;
  std::unordered_map<pid_t, handler> watched_;
  std::unordered_map<pid_t, process_exit> unclaimed_;
  int expectations_ = 0;
  bool stopped_ = false;
};

}  // namespace agent
