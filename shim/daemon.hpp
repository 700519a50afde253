// The shim itself: serves containerd for one sandbox, from `start` until containerd calls Shutdown
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
  std::string group;                // the sandbox's name: its group, or its only container's id
  std::string events_address;       // containerd's ttrpc socket
  std::filesystem::path socket;     // the path `listening` is bound to; removed at the end
  std::filesystem::path directory;  // of the sandbox
  flow::unique_fd lock;             // of the directory
};

// Returns the exit status of the process. `log` outlives the call.
int run_daemon(daemon_settings settings, flow::unique_fd listening, flow::log& log);

}  // namespace shim
