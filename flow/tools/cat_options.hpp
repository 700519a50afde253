// The command line of hvcat.
#pragma once

#include <optional>
#include <string>

#include "flow/tools/connection_options.hpp"

namespace flow::tools {

struct cat_options {
  connection_options connections;
  target peer;  // the address to connect to or listen at
  bool listen = false;
  bool keep = false;
  bool echo = false;
  bool half_close = true;
  bool show_progress = false;
  bool verbose = false;
  bool print_local_cid = false;
  std::string input;   // a file; empty: standard input
  std::string output;  // a file; empty: standard output
  std::chrono::steady_clock::duration retry{};
  std::optional<std::chrono::steady_clock::duration> timeout;
};

// Exits the process on an invalid command line and after --help.
cat_options parse_cat_options(int argc, char** argv);

}  // namespace flow::tools
