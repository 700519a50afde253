// Seeds the guest's random number generator: a virtual machine has few sources of randomness.
#pragma once

#include <string>

#include "flow/error.hpp"

namespace agent {

// `bytes` is fully random; at most limits::entropy_bytes of them are used.
flow::result<void> add_entropy(const std::string& bytes);

}  // namespace agent
