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
  bool parameters = false;                 // it was BootstrapParams: so is the answer's form known
  bool debug = false;                      // the log level asks for it
  std::string events_address;              // containerd's ttrpc socket, if it says so
  std::filesystem::path socket_directory;  // empty: the usual one
};

// errc::invalid_argument for what is none of the three, or holds options in a wrong form.
flow::result<start_input> parse_start_input(const std::string& text, const options& o);

// All of stdin, at most 10 MB; nothing if it is a terminal.
flow::result<std::string> read_stdin();

}  // namespace shim
