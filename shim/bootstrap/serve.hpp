// Without an action: the shim itself, as `start` runs it.
#pragma once

#include "flow/error.hpp"
#include "shim/options.hpp"

namespace shim {

// Returns the exit status of the process when the shim has ended.
flow::result<int> serve(const options& o);

}  // namespace shim
