#include "flow/testing/manual_clock.hpp"

namespace flow::testing {

manual_clock::manual_clock(asio::any_io_executor executor)
    : executor_(std::move(executor)), now_(std::chrono::hours(24)) {
  clock::install(executor_, this);
}

manual_clock::~manual_clock() {
  clock::install(executor_, nullptr);
}

void manual_clock::advance(duration by) {
  now_ += by;
  for (auto entry = armed_.begin(); entry != armed_.end();) {
    const auto [timer, limit] = *entry;
    if (limit > now_) {
      ++entry;
      continue;
    }
    entry = armed_.erase(entry);
    timer->expires_at(time_point::min());
  }
}

void manual_clock::arm(asio::steady_timer& timer, time_point limit) {
  if (limit <= now_) {
    timer.expires_at(time_point::min());
    return;
  }
  timer.expires_at(time_point::max());
  if (limit != time_point::max()) {
    armed_[&timer] = limit;
  }
}

void manual_clock::disarm(asio::steady_timer& timer) noexcept {
  armed_.erase(&timer);
}

}  // namespace flow::testing
