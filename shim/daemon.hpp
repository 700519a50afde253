// The shim itself: serves containerd for one sandbox, from `start` until containerd says Shutdown
// and the last byte of output is delivered.
#pragma once

#include <filesystem>
#include <string>

#include "flow/system/log.hpp"
#include "flow/unique_fd.hpp"
#include "shim/config/config.hpp"
#include "shim/options.hpp"

namespace shim {

struct daemon_settings {
  options arguments;
  config configuration;
  std::string group;                // the sandbox's name: of its containers, or the only one's id
  std::string events_address;       // containerd's ttrpc socket
  std::filesystem::path socket;     // what `listening` is bound to; removed in the end
  std::filesystem::path directory;  // the sandbox's
  flow::unique_fd lock;             // of the directory
};

// Returns the exit status of the process. `log` outlives the call.
int run_daemon(daemon_settings settings, flow::unique_fd listening, flow::log& log);

}  // namespace shim
