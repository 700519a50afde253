// A task whose shim the test starts and calls itself, as containerd would: for requests that no
// client of the installed containerd can make.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/harness/shim_connection.hpp"
#include "tests/e2e/harness/standalone_shim.hpp"

namespace e2e {

// Creates a directory with a shell, cat, ls and seq, for a root file system or an image of one.
std::string make_system_tree(const std::filesystem::path& directory);

class bare_task {
 public:
  // Starts a shim for a task `id` with a bundle in `directory`, which must exist. The task's stdout
  // and stderr go to a file in it.
  bare_task(const std::filesystem::path& directory, std::string id, std::vector<std::string> args);
  bare_task(const bare_task&) = delete;
  bare_task& operator=(const bare_task&) = delete;

  // Ends the task, and removes the files that containerd would remove.
  ~bare_task();

  // Adds a mount to the create request.
  void mount(const std::string& type, const std::string& source, std::vector<std::string> options);

  // Adds a mount to the specification. Call before create().
  void mount_volume(const std::string& type, const std::string& source,
                    const std::string& destination);

  // Connects the task's stdio to the test (see shim/io/streaming.hpp), as "stdin" and "stdout".
  // Call before create().
  void connect_stdio();
  shim_connection& shim() { return *connection_; }

  // Kills the shim with SIGKILL.
  void kill_shim();

  // Returns an empty string, or the error.
  std::string create();
  std::string start();

  std::uint32_t wait();
  std::string remove();

  // The output of the task so far, stdout and stderr.
  std::string output() const;

  // Creates, starts, waits and removes the task; returns its output, or the first error.
  std::string run();

 private:
  std::string id_;
  standalone_shim shim_;
  std::string bundle_;
  ::containerd::task::v2::CreateTaskRequest request_;
  std::unique_ptr<shim_connection> connection_;
};

}  // namespace e2e
