#include "flow/device/virtio/vring.hpp"

#include <unistd.h>

namespace flow::device {

void signal_event(const unique_fd& event) noexcept {
  if (event) {
    constexpr std::uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(event.get(), &one, sizeof one);
  }
}

void vring::publish() noexcept {
  if (queue && queue->publish()) {
    signal_event(call);
  }
}

}  // namespace flow::device
