// Without an action, the program is the shim itself, as `start` runs it.
#pragma once

#include "flow/error.hpp"
#include "shim/options.hpp"

namespace shim {

// Returns the exit status of the process once the shim has ended.
flow::result<int> serve(const options& o);

}  // namespace shim
