#include "flow/device/vsock/hybrid_connector.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>

#include "flow/device/vsock/device.hpp"
#include "flow/system/number.hpp"
#include "flow/system/unix_socket.hpp"

namespace flow::device {

result<std::uint32_t> parse_connect_command(std::string_view line) {
  constexpr std::string_view verb = "CONNECT ";
  if (line.starts_with(verb)) {
    if (const auto port = parse_number<std::uint32_t>(line.substr(verb.size()))) {
      return *port;
    }
  }
  return error(errc::protocol, "not a CONNECT command");
}

result<> hybrid_connector::start(event_loop& loop, vsock_device& device,
                                 event_loop::clock::duration patience) {
  loop_ = &loop;
  device_ = &device;
  patience_ = patience;
  auto watch = loop.add(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_clients(); });
  if (!watch) {
    return watch.error().in("listener");
  }
  watch_ = std::move(*watch);
  return {};
}

result<unique_fd> hybrid_connector::connect(const connection_key& key) {
  return connect_unix(prefix_ + "_" + std::to_string(key.host_port));
}

void hybrid_connector::accepted(const connection_key& key, int socket) {
  const std::string line = "OK " + std::to_string(key.host_port) + "\n";
  // Nothing was written to the socket before, so it accepts this; if the client has closed, the
  // device will notice.
  ::send(socket, line.data(), line.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

void hybrid_connector::accept_clients() {
  while (handshakes_.size() < max_handshakes) {
    auto client = accept_unix(listener_.get());
    if (!client) {
      return;
    }
    const auto one = handshakes_.insert(handshakes_.end(), handshake{std::move(*client), {}, {}});
    // Edge-triggered, because an incomplete command stays in the socket.
    auto watch = loop_->add(one->client.get(), EPOLLIN | EPOLLRDHUP | EPOLLET,
                            [this, one](std::uint32_t events) { read_command(one, events); });
    if (!watch) {
      handshakes_.erase(one);
      return;
    }
    one->watch = std::move(*watch);
    one->deadline = loop_->call_after(patience_, [this, one] { end_handshake(one); });
  }
  watch_.change(0);  // full: the others wait in the backlog
}

// Peeks at the command and removes only the command itself: the bytes after it belong to
// the stream.
void hybrid_connector::read_command(handshake_list::iterator one, std::uint32_t events) {
  std::array<char, max_command> bytes{};
  const int fd = one->client.get();
  const ssize_t n = ::recv(fd, bytes.data(), bytes.size(), MSG_PEEK | MSG_DONTWAIT);
  if (n < 0 && errno == EAGAIN) {
    return;
  }
  const std::string_view seen(bytes.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  const auto end = seen.find('\n');
  if (end == std::string_view::npos) {
    if (n <= 0 || seen.size() == max_command || (events & (EPOLLRDHUP | EPOLLHUP)) != 0) {
      end_handshake(one);
    }
    return;
  }
  const auto port = parse_connect_command(seen.substr(0, end));
  static_cast<void>(::recv(fd, bytes.data(), end + 1, MSG_DONTWAIT));
  auto client = std::move(one->client);
  one->watch.reset();
  end_handshake(one);
  if (!port) {
    return;
  }
  if (auto begun = device_->connect_guest(*port, std::move(client)); !begun) {
    log_.debug("client refused", {{"port", *port}, {"reason", begun.error().message()}});
  }
}

void hybrid_connector::end_handshake(handshake_list::iterator one) {
  const bool was_full = handshakes_.size() == max_handshakes;
  handshakes_.erase(one);
  if (was_full) {
    watch_.change(EPOLLIN);
  }
}

}  // namespace flow::device
