// A container's limits, as changed by Update.
#pragma once

#include <string>

#include "flow/error.hpp"

namespace shim {

// Converts an OCI linux.resources object, JSON, for the guest. errc::invalid_argument, naming the
// value, if one is malformed.
flow::result<std::string> resources_for_guest(const std::string& text);

}  // namespace shim
