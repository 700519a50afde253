// The guest's wall clock, which the host sets: it is late after the machine was stopped or starved.
#pragma once

#include <cstdint>

#include "flow/error.hpp"

namespace agent {

// Milliseconds since the kernel started.
std::uint32_t milliseconds_since_boot();

// Sets the wall clock to `wall_clock`, in nanoseconds since the Unix epoch, unless it differs
// by no more than limits::clock_tolerance; a time before the epoch is errc::invalid_argument.
// Returns how far the clock was ahead, in nanoseconds.
flow::result<std::int64_t> set_wall_clock(std::int64_t wall_clock);

}  // namespace agent
