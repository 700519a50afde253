// The stdin of `start`: nothing, a google.protobuf.Any (containerd 1.6 to 2.2), or BootstrapParams
// (from containerd 2.3 on).
#pragma once

#include <filesystem>
#include <string>

#include "flow/error.hpp"
#include "shim/oci/runtime_options.hpp"
#include "shim/options.hpp"

namespace shim {

struct start_input {
  runtime_options runtime;
  bool parameters = false;                 // stdin was BootstrapParams, see start_answer.hpp
  bool debug = false;                      // the log level is debug
  std::string events_address;              // containerd's ttrpc socket; empty if not given
  std::filesystem::path socket_directory;  // empty: the default
};

// errc::invalid_argument if it is none of the three, or if it contains malformed options.
flow::result<start_input> parse_start_input(const std::string& text, const options& o);

// Reads all of stdin, at most 10 MB; empty if stdin is a terminal.
flow::result<std::string> read_stdin();

}  // namespace shim
