#include "shim/io/delivery_report.hpp"

#include <array>

namespace shim {

std::uint64_t output_reports::lost() const noexcept {
  return (out ? out->lost() : 0) + (err ? err->lost() : 0);
}

bool output_reports::delivered() const noexcept {
  return (!out || out->sink == sink_state::delivered) &&
         (!err || err->sink == sink_state::delivered);
}

bool output_reports::truncated() const noexcept {
  return (out && out->source == source_state::truncated) ||
         (err && err->source == source_state::truncated);
}

std::string_view name_of(source_state s) noexcept {
  constexpr std::array<std::string_view, 5> names{"awaited", "flowing", "ended", "truncated",
                                                  "absent"};
  return names[static_cast<std::size_t>(s)];
}

std::string_view name_of(sink_state s) noexcept {
  constexpr std::array<std::string_view, 4> names{"delivering", "delivered", "failed", "abandoned"};
  return names[static_cast<std::size_t>(s)];
}

}  // namespace shim
