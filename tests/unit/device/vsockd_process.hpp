// The real program as a child of the test, with the test as its front end and at its uplink.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "flow/unique_fd.hpp"
#include "tests/support/device/fake_guest.hpp"
#include "tests/support/device/guest_kernel.hpp"
#include "tests/support/sanitized.hpp"

namespace tests {

class vsockd_process {
 public:
  struct options {
    std::string hybrid;  // empty: uplink
    bool unconfined = sanitized;
    std::function<void()> in_child;  // called in the child before the program
  };

  explicit vsockd_process(const options& o);
  vsockd_process(const vsockd_process&) = delete;
  vsockd_process& operator=(const vsockd_process&) = delete;
  ~vsockd_process();

  pid_t pid() const { return pid_; }
  // Both are there until the test drops them.
  flow::unique_fd& uplink() { return uplink_; }
  fake_guest& guest() { return *guest_; }
  guest_kernel& kernel() { return *kernel_; }

  // Replaces what the guest does while it waits for the program.
  void on_turn(std::function<void()> turn) { turn_ = std::move(turn); }
  // What it does otherwise: waits until the program has done something, 10 ms at most.
  void wait_for_news();

  // The next connection that came over the uplink.
  flow::unique_fd take_connection();

  // Waits for its end. The exit status, or -1 if a signal ended it.
  int wait();
  // What it has logged so far.
  std::string log();

 private:
  pid_t pid_ = -1;
  flow::unique_fd uplink_;
  flow::unique_fd log_;
  std::string log_text_;
  std::function<void()> turn_;
  std::unique_ptr<fake_guest> guest_;
  std::unique_ptr<guest_kernel> kernel_;
};

// Runs the program with these arguments to its end; the exit status and what it logged.
struct run_outcome {
  int status;
  std::string log;
};
run_outcome run_vsockd(const std::vector<std::string>& arguments);

}  // namespace tests
