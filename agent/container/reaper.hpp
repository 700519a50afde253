// Reaps every child of this process: those the agent started and those that were orphaned to it,
// for pid 1 inherits them all.
//
// An exit can be seen before anybody knows that the pid matters (a container's first process is a
// grandchild, and crun tells its pid only afterwards). While an expectation exists, exits of pids
// nobody watches are kept, and watch() finds them.
#pragma once

#include <sys/types.h>

#include <boost/asio/signal_set.hpp>
#include <cstdint>
#include <functional>
#include <unordered_map>

#include "flow/asio.hpp"

namespace agent {

struct process_end {
  std::uint32_t status = 0;   // exit code, or 128 + signal
  std::int64_t ended_at = 0;  // nanoseconds since the Unix epoch
};

class reaper {
 public:
  using handler = std::function<void(process_end)>;

  explicit reaper(flow::asio::any_io_executor executor);
  reaper(const reaper&) = delete;
  reaper& operator=(const reaper&) = delete;

  // Reaps until stop() is called.
  flow::awaitable<void> run();
  void stop();

  // Calls `on_end` once, from run() or, if the exit was seen already, from within this call.
  void watch(pid_t pid, handler on_end);

  // Resumes when the process has ended.
  flow::awaitable<process_end> wait(pid_t pid);

  // While one exists, exits of pids that nobody watches are kept.
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
  boost::asio::signal_set child_ended_;
  std::unordered_map<pid_t, handler> watched_;
  std::unordered_map<pid_t, process_end> unclaimed_;
  int expectations_ = 0;
  bool stopped_ = false;
};

}  // namespace agent
