// The private containerd of the tests: hack/containerd in a directory of its own.
#pragma once

#include <string>
#include <vector>

#include "tests/e2e/harness/command.hpp"

namespace e2e {

inline constexpr const char* runtime = "io.containerd.hvsock.v2";
inline constexpr const char* image = "docker.io/library/busybox:latest";

class private_containerd {
 public:
  // Its directory; given by the environment (HVSOCK_CONTAINERD_DIR) or by hack/containerd.
  static const std::string& directory();

  // Starts it unless it is running.
  static void up();

  // The command line of ctr with these arguments.
  static std::vector<std::string> ctr(std::vector<std::string> arguments);

  // "ctr run" of our runtime with the test image: flags, then id and command.
  static std::vector<std::string> ctr_run(std::vector<std::string> flags, const std::string& id,
                                          std::vector<std::string> command);

  // A task's bundle.
  static std::string bundle(const std::string& id);

  // Its log from `position` on; pass the log's current length to read only what follows.
  static std::string log_since(std::size_t position);

  // Removes every task and container.
  static void remove_all();
};

// Runs ctr to its end.
run_result ctr(std::vector<std::string> arguments, const run_options& options = {});
run_result ctr_run(std::vector<std::string> flags, const std::string& id,
                   std::vector<std::string> command, const run_options& options = {});

}  // namespace e2e
