#include "flow/device/vsock/uplink_connector.hpp"

#include <sys/socket.h>

#include "flow/device/uplink.hpp"
#include "flow/system/pipe.hpp"

namespace flow::device {

result<> uplink_connector::start(event_loop& loop, std::function<void()> on_end) {
  // Nothing is ever sent to us: becoming readable means the end.
  auto watch = loop.add(uplink_.get(), EPOLLIN | EPOLLRDHUP | EPOLLONESHOT,
                        [on_end = std::move(on_end)](std::uint32_t) { on_end(); });
  if (!watch) {
    return watch.error().in("uplink");
  }
  watch_ = std::move(*watch);
  return {};
}

result<unique_fd> uplink_connector::connect(const connection_key& key) {
  auto pair = make_socket_pair(SOCK_STREAM | SOCK_NONBLOCK);
  if (!pair) {
    return pair.error();
  }
  const uplink_message ports{key.guest_port, key.host_port};
  if (auto sent = send_connection(uplink_.get(), ports, pair->theirs.get()); !sent) {
    return sent.error().in("uplink");
  }
  return std::move(pair->ours);
}

void uplink_connector::accepted(const connection_key& /*key*/, int /*socket*/) {
  // The uplink opens no connections to the guest.
}

}  // namespace flow::device
