// The work of hvstress: as a client, random conversations with an echo, checked byte by byte; as a
// server, that echo.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "flow/tools/connection_options.hpp"
#include "flow/tools/exit_status.hpp"
#include "flow/tools/interruption.hpp"
#include "flow/tools/stress_plan.hpp"

namespace flow::tools {

struct stress_options {
  connection_options connections;
  target peer;
  bool listen = false;
  std::uint64_t seed = 0;
  std::uint64_t iterations = 100;  // per connection
  std::uint64_t parallel = 1;
  stress_limits limits;
  bool alternate = false;
  bool exit_on_error = false;
  bool json = false;
  bool verbose = false;
  std::chrono::steady_clock::duration pause{};
  std::chrono::steady_clock::duration timeout = std::chrono::seconds(60);
};

// Ends the process on a mistake and after --help.
stress_options parse_stress_options(int argc, char** argv);

class stress_server {
 public:
  stress_server(const asio::any_io_executor& executor, stress_options o);

  // Until a signal.
  awaitable<exit_status> run();

 private:
  awaitable<void> serve(accepted arrived);

  stress_options options_;
  interruption interruption_;
  log log_;
  task_group tasks_;
};

class stress_client {
 public:
  stress_client(const asio::any_io_executor& executor, stress_options o);

  // exit_status::failure if any conversation failed.
  awaitable<exit_status> run();

 private:
  struct conversation;
  struct failed {
    std::uint64_t connection;
    std::uint64_t iteration;
    std::string what;
  };

  awaitable<void> converse_often(std::uint64_t connection);
  awaitable<std::string> converse(std::uint64_t connection, std::uint64_t iteration);
  awaitable<void> write(conversation& c);
  awaitable<void> read(conversation& c);
  void report(std::chrono::steady_clock::duration lasted) const;
  bool over() const;

  asio::any_io_executor executor_;
  stress_options options_;
  interruption interruption_;
  log log_;
  task_group tasks_;
  std::uint64_t done_ = 0;
  std::uint64_t injected_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  std::vector<failed> failures_;
};

}  // namespace flow::tools
