// The private containerd the tests run against: hack/containerd in a directory of its own.
#pragma once

#include <string>
#include <vector>

#include "tests/e2e/harness/command.hpp"

namespace e2e {

inline constexpr const char* runtime = "io.containerd.hvsock.v2";
inline constexpr const char* image = "docker.io/library/busybox:latest";

class private_containerd {
 public:
  // Where it lives; given by the environment (HVSOCK_CONTAINERD_DIR) or asked of hack/containerd.
  static const std::string& directory();

  // Starts it unless it runs.
  static void up();

  // The command line of ctr with these arguments.
  static std::vector<std::string> ctr(std::vector<std::string> arguments);

  // "ctr run" of our runtime with the test image: flags, then id and command.
  static std::vector<std::string> ctr_run(std::vector<std::string> flags, const std::string& id,
                                          std::vector<std::string> command);

  // A task's bundle.
  static std::string bundle(const std::string& id);

  // What it has logged since `position`; its length now is where the next begins.
  static std::string log_since(std::size_t position);

  // Removes every task and container there is.
  static void remove_all();
};

// Runs ctr to its end.
run_result ctr(std::vector<std::string> arguments, const run_options& options = {});
run_result ctr_run(std::vector<std::string> flags, const std::string& id,
                   std::vector<std::string> command, const run_options& options = {});

}  // namespace e2e
