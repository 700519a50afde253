// hvsock-vsockd: one guest's socket device in a process of its own.
#pragma once

#include "flow/device/exit_code.hpp"
#include "flow/device/options.hpp"
#include "flow/system/log.hpp"

namespace flow::device {

// Sets up, confines the process, and serves until the uplink or the virtual machine ends. Takes
// ownership of the descriptors named in `options` and closes all others. Failures are logged.
exit_code run_vsockd(const options& options, log& log);

}  // namespace flow::device
