// The directory of the host that a guest sees, by virtiofs.
#pragma once

#include <filesystem>
#include <memory>

#include "flow/asio.hpp"
#include "flow/error.hpp"
#include "flow/unique_fd.hpp"
#include "shim/support/child_process.hpp"

namespace shim {

struct virtiofsd_server {
  std::unique_ptr<child_process> daemon;
  flow::unique_fd hypervisor_end;  // connected to the daemon, for the hypervisor
};

// Starts virtiofsd (`program`) on `directory`. Mounts made below the directory later are seen by
// the guest. `errors` is its stderr, borrowed.
flow::result<virtiofsd_server> start_virtiofsd(flow::asio::any_io_executor executor,
                                               const std::filesystem::path& program,
                                               const std::filesystem::path& directory, int errors);

}  // namespace shim
