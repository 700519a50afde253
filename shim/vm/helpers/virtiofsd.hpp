// The directory of the host that a guest sees, by virtiofs.
#pragma once

#include <filesystem>
#include <memory>

#include "flow/error.hpp"
#include "flow/unique_fd.hpp"
#include "shim/vm/helpers/helper_process.hpp"

namespace shim {

struct virtiofsd {
  std::unique_ptr<helper_process> process;
  flow::unique_fd vhost;  // connected to it, for the hypervisor (vhost-user)
};

// Starts virtiofsd (`program`) on `directory`. Mounts made below the directory later are seen by
// the guest.
flow::result<virtiofsd> start_virtiofsd(const helper_context& context,
                                        const std::filesystem::path& program,
                                        const std::filesystem::path& directory);

}  // namespace shim
