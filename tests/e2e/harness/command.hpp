// Runs programs for the end-to-end tests: to their end, or step by step.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "flow/unique_fd.hpp"

namespace e2e {

struct run_result {
  int status = -1;  // exit status, or 128 + signal
  std::string out;
  std::string err;
};

struct run_options {
  std::string input = {};             // all of stdin
  std::string directory = {};         // working directory; empty: the test's own
  std::chrono::seconds stall{0};      // time before the first read of stdout
  std::chrono::seconds timeout{120};  // after this time the program is killed
};

// A running program, with pipes to its stdin, stdout and stderr. Killed when it goes out of scope.
class running_command {
 public:
  explicit running_command(std::vector<std::string> argv, std::string directory = "");
  running_command(const running_command&) = delete;
  running_command& operator=(const running_command&) = delete;
  ~running_command();

  pid_t pid() const { return pid_; }
  void kill(int signal) const;

  // Writes all of `text`; false if the program has stopped reading.
  bool write(const std::string& text);
  void close_input() { in_.reset(); }

  // Reads until stdout has ended, or contains `until` (earlier output counts), or time is up; true
  // in the first two cases. All output so far is in out().
  bool read_until_end(std::chrono::seconds timeout = std::chrono::seconds(60));
  bool read_until(const std::string& until,
                  std::chrono::seconds timeout = std::chrono::seconds(60));
  // The same for stderr; stdout is left unread.
  bool read_errors_until(const std::string& until,
                         std::chrono::seconds timeout = std::chrono::seconds(60));
  const std::string& out() const { return out_; }
  const std::string& err() const { return err_; }

  // Reads everything and waits for the end.
  run_result finish(std::chrono::seconds timeout = std::chrono::seconds(60));

 private:
  friend run_result run(std::vector<std::string> argv, const run_options& options);

  // Transfers as much as possible within `wait`; false if stdout and stderr have ended.
  bool move(std::chrono::milliseconds wait, bool read_stdout);
  void read_into(flow::unique_fd& from, std::string& to);
  int wait(std::chrono::seconds timeout);

  pid_t pid_ = -1;
  std::optional<int> status_;
  flow::unique_fd in_;
  flow::unique_fd out_end_;
  flow::unique_fd err_end_;
  std::string unsent_;
  bool close_when_sent_ = false;
  std::string out_;
  std::string err_;
};

run_result run(std::vector<std::string> argv, const run_options& options = {});

// Polls every few milliseconds until `condition` holds; false if it never does.
template <class Condition>
bool eventually(Condition condition, std::chrono::seconds timeout = std::chrono::seconds(20));

void pause_briefly();

template <class Condition>
bool eventually(Condition condition, std::chrono::seconds timeout) {
  const auto limit = std::chrono::steady_clock::now() + timeout;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= limit) {
      return false;
    }
    pause_briefly();
  }
  return true;
}

}  // namespace e2e
