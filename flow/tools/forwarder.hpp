// The work of hvforward: accepts at some addresses and connects each connection to another.
#pragma once

#include <string>
#include <vector>

#include "flow/copy.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "flow/tools/connection_options.hpp"
#include "flow/tools/exit_status.hpp"
#include "flow/tools/interruption.hpp"

namespace flow::tools {

struct forward_rule {
  target from;  // to listen at
  target to;    // to connect to, for each connection
};

struct forward_options {
  connection_options connections;
  std::vector<forward_rule> rules;
  log::level level = log::level::info;
};

// Exits the process on an invalid command line and after --help.
forward_options parse_forward_options(int argc, char** argv);

class forwarder {
 public:
  forwarder(const asio::any_io_executor& executor, forward_options o);

  // Runs until a signal, or returns at once if listening fails for a rule.
  awaitable<exit_status> run();

 private:
  awaitable<void> serve(listener& l, const forward_rule& rule);
  awaitable<void> forward(accepted arrived, const forward_rule& rule);
  awaitable<void> close(duplex& d);
  void report(std::uint64_t id, const proxy_result& r, const result<void>& from,
              const result<void>& to);

  asio::any_io_executor executor_;
  forward_options options_;
  interruption interruption_;
  log log_;
  task_group tasks_;
  std::uint64_t last_id_ = 0;
};

}  // namespace flow::tools
