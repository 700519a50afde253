// Makes a machine of its description: the one place that chooses a hypervisor.
#pragma once

#include <memory>

#include "flow/asio.hpp"
#include "flow/system/log.hpp"
#include "shim/vm/machine.hpp"
#include "shim/vm/machine_description.hpp"

namespace shim {

// Nothing is started, and no file looked at, until machine::start(). `log` outlives the machine.
std::unique_ptr<machine> make_machine(const flow::asio::any_io_executor& executor,
                                      machine_description description, machine_paths paths,
                                      flow::log& log);

}  // namespace shim
