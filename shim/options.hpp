// The command line that containerd gives a shim.
//
//   containerd-shim-hvsock-v2 -namespace NS -address GRPC -publish-binary EXE -id ID [-debug] start
//   containerd-shim-hvsock-v2 -namespace NS -address GRPC -id ID -bundle DIR delete
//   containerd-shim-hvsock-v2 -v | -info
//
// Without an action, the program is the shim itself, as `start` runs it: the listening socket is
// descriptor 3.
#pragma once

#include <string>
#include <vector>

#include "flow/error.hpp"

namespace shim {

struct options {
  enum class action { serve, start, remove, info, version, help };

  action what = action::serve;
  std::string containerd_namespace;
  std::string id;
  std::string address;  // containerd's gRPC socket
  std::string bundle;
  std::string socket;  // serve here instead of on descriptor 3
  bool debug = false;
};

// Flags in the forms of Go's flag package: -f v, -f=v, --f v, --f=v. errc::invalid_argument for an
// unknown flag or action, or if the namespace is missing.
flow::result<options> parse_options(const std::vector<std::string>& arguments);

// The text that -help prints: every flag and action that parse_options() knows, one per line.
std::string help_text();

}  // namespace shim
