// A task whose shim the test starts and calls itself, as containerd would: for requests that no
// client of the containerd at hand can make.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/e2e/harness/shim_connection.hpp"
#include "tests/e2e/harness/standalone_shim.hpp"

namespace e2e {

// A directory with a shell, cat, ls and seq, to be a root file system or to make an image of.
std::string make_system_tree(const std::filesystem::path& directory);

class bare_task {
 public:
  // Starts a shim for a task `id` with a bundle in `directory`, which exists. The task's stdout and
  // stderr go to a file there.
  bare_task(const std::filesystem::path& directory, std::string id, std::vector<std::string> args);
  bare_task(const bare_task&) = delete;
  bare_task& operator=(const bare_task&) = delete;

  // Ends it, and removes what containerd would.
  ~bare_task();

  // Adds a mount to the request to create it.
  void mount(const std::string& type, const std::string& source, std::vector<std::string> options);

  // Adds one to its specification. Before create().
  void mount_volume(const std::string& type, const std::string& source,
                    const std::string& destination);

  // Its stdio is connected by the test, see shim/io/streaming.hpp, as "stdin" and "stdout". Before
  // create().
  void connect_stdio();
  shim_connection& shim() { return *connection_; }

  // kill -9
  void kill_shim();

  // Empty, or why not.
  std::string create();
  std::string start();

  std::uint32_t wait();
  std::string remove();

  // What it has written to stdout and stderr.
  std::string output() const;

  // Creates, starts, waits and removes it; its output, or the first error.
  std::string run();

 private:
  std::string id_;
  standalone_shim shim_;
  std::string bundle_;
  ::containerd::task::v2::CreateTaskRequest request_;
  std::unique_ptr<shim_connection> connection_;
};

}  // namespace e2e
