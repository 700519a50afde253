// The limits of a container as Update changes them.
#pragma once

#include <string>

#include "flow/error.hpp"

namespace shim {

// An OCI linux.resources object, JSON, for the guest. errc::invalid_argument, with the name of the
// value, if it is not one.
flow::result<std::string> resources_for_guest(const std::string& text);

}  // namespace shim
