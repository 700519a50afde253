// The real program as a child of the test, which acts as its front end and at its uplink.
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
  // Both exist until the test drops them.
  flow::unique_fd& uplink() { return uplink_; }
  fake_guest& guest() { return *guest_; }
  guest_kernel& kernel() { return *kernel_; }

  // Replaces the guest's action while it waits for the program.
  void on_turn(std::function<void()> turn) { turn_ = std::move(turn); }
  // The default action: waits until the program has done something, at most 10 ms.
  void wait_for_news();

  // The next connection from the uplink.
  flow::unique_fd take_connection();

  // Waits for its end. Returns the exit status, or -1 if a signal ended it.
  int wait();
  // Its log so far.
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

// Runs the program with these arguments to its end; returns the exit status and its log.
struct run_outcome {
  int status;
  std::string log;
};
run_outcome run_vsockd(const std::vector<std::string>& arguments);

}  // namespace tests
