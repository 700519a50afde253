#include "flow/device/vsock/uplink_connector.hpp"

#include <sys/socket.h>

#include <array>

#include "flow/device/uplink.hpp"

namespace flow::device {

result<> uplink_connector::start(event_loop& loop, std::function<void()> on_end) {
  // Nothing is ever sent to us: whatever becomes readable is the end.
  auto watch = loop.add(uplink_.get(), EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
                        [on_end = std::move(on_end)](std::uint32_t) { on_end(); });
  if (!watch) {
    return watch.error().in("uplink");
  }
  watch_ = std::move(*watch);
  return {};
}

result<unique_fd> uplink_connector::connect(const connection_key& key) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return system_error("socketpair");
  }
  unique_fd ours(ends[0]);
  const unique_fd theirs(ends[1]);
  if (auto sent = send_connection(uplink_.get(), {key.guest_port, key.host_port}, theirs.get());
      !sent) {
    return sent.error().in("uplink");
  }
  return ours;
}

void uplink_connector::accepted(const connection_key& /*key*/, int /*socket*/) {
  // The uplink opens no connections to the guest.
}

}  // namespace flow::device
