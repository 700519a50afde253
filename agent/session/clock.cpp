#include "agent/session/clock.hpp"

#include <cstdlib>
#include <ctime>
#include <string>

#include "agent/limits.hpp"

namespace agent {
namespace {

constexpr std::int64_t nanoseconds = 1'000'000'000;

}  // namespace

std::uint32_t milliseconds_since_boot() {
  timespec t{};
  ::clock_gettime(CLOCK_BOOTTIME, &t);
  return static_cast<std::uint32_t>(t.tv_sec * 1000 + t.tv_nsec / 1'000'000);
}

flow::result<std::int64_t> set_wall_clock(std::int64_t wall_clock) {
  if (wall_clock <= 0) {
    return flow::error(flow::errc::invalid_argument,
                       "invalid wall clock " + std::to_string(wall_clock) + " ns");
  }
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::int64_t ahead = now.tv_sec * nanoseconds + now.tv_nsec - wall_clock;
  if (std::abs(ahead) <= limits::clock_tolerance.count()) {
    return ahead;
  }
  const timespec wanted{.tv_sec = wall_clock / nanoseconds, .tv_nsec = wall_clock % nanoseconds};
  if (::clock_settime(CLOCK_REALTIME, &wanted) != 0) {
    return flow::system_error("set clock");
  }
  return ahead;
}

}  // namespace agent
