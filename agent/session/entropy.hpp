// Seeds the guest's random number generator: a virtual machine has little of its own to draw from.
#pragma once

#include <string>

#include "flow/error.hpp"

namespace agent {

// `bytes` is fully random; at most 256 of them are used.
flow::result<void> add_entropy(const std::string& bytes);

}  // namespace agent
