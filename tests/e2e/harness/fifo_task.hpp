// A detached task whose FIFOs the test holds, as a client of containerd would.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "flow/unique_fd.hpp"
#include "tests/e2e/harness/fixture.hpp"
#include "tests/e2e/harness/shim_connection.hpp"

namespace e2e {

class FifoTaskTest : public ContainerdTest {
 protected:
  void start(std::vector<std::string> command);
  void start_on_terminal(std::vector<std::string> command);
  void TearDown() override;

  flow::unique_fd attach_stdin() const;
  void write_all(const flow::unique_fd& to, const std::string& text) const;
  std::unique_ptr<running_command> read_stdout() const;

  // Client for calls to the task's shim.
  void close_io();
  std::uint32_t wait();
  ::containerd::v1::types::Status state();

 private:
  std::vector<std::string> run_flags() const;
  void find_fifos();
  std::string find(const std::string& ending) const;

  std::string stdin_path_;
  std::string stdout_path_;
  std::unique_ptr<shim_connection> shim_;
};

}  // namespace e2e
