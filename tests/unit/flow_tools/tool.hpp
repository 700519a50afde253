// A tool of ours as a child of the test, with the test as the other end of its connection.
// Everything blocks, up to a limit that is only a safety net.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "flow/unique_fd.hpp"
#include "tests/support/temporary_directory.hpp"

namespace tests {

// The arguments and descriptors of a tool.
struct tool_files {
  // Descriptors for the child, borrowed; pipes to the test if not given.
  int input = -1;
  int output = -1;
  int errors = -1;
  std::vector<int> inherited;  // kept by number
};

class tool {
 public:
  using files = tool_files;

  // `program` is the path of one of ours.
  tool(const std::string& program, std::vector<std::string> arguments,
       const files& f = tool_files());
  tool(const tool&) = delete;
  tool& operator=(const tool&) = delete;
  ~tool();

  // Writes to its standard input; the end of it.
  void send(const std::string& text);
  void end_input() { input_.reset(); }

  // Writes all of `text`, ends the input and reads the whole output of `other`, concurrently: pipes
  // hold little.
  std::string send_through(const std::string& text, tool& other);

  // Reads its standard output: until it contains `text`, or to the end.
  std::string output_until(const std::string& text);
  std::string output();
  void drop_output() { output_.reset(); }

  // Of standard error.
  std::string errors_until(const std::string& text);
  std::string errors();

  void signal(int number) const;

  // Its exit status, or the negated number of the signal that ended it.
  int wait();

 private:
  pid_t pid_ = -1;
  flow::unique_fd input_;
  flow::unique_fd output_;
  flow::unique_fd errors_;
  std::string output_text_;
  std::string errors_text_;
};

struct outcome {
  int status;
  std::string output;
  std::string errors;
};

// Runs it to its end with `input` as standard input.
outcome run_tool(const std::string& program, std::vector<std::string> arguments,
                 const std::string& input = {});

// Reads until `text` appears, or to the end if it is empty; appends to `so_far`.
std::string read_until(int fd, const std::string& text, std::string& so_far);

// A unix socket of the test.
flow::unique_fd listen_at(const std::string& path);
flow::unique_fd accept_from(const flow::unique_fd& listener);
// Waits until the socket is listening.
flow::unique_fd connect_to(const std::string& path);
void write_all(int fd, const std::string& text);

}  // namespace tests
