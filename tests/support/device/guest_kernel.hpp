// The vsock layer of a test's guest: sockets that follow the protocol as Linux does,
// credit included.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "tests/support/device/fake_guest.hpp"

namespace tests {

class guest_kernel;

class guest_socket {
 public:
  static constexpr std::uint32_t default_buffer = 256 * 1024;

  guest_socket(guest_kernel& kernel, std::uint32_t guest_port, std::uint32_t host_port,
               std::uint32_t buffer = default_buffer);
  guest_socket(const guest_socket&) = delete;
  guest_socket& operator=(const guest_socket&) = delete;
  ~guest_socket();

  // False if the device answered RST.
  [[nodiscard]] bool connect();
  // Accepts a REQUEST that has arrived.
  void accept(const packet& request);

  // Sends all of it, waiting for credit. False if the connection ended meanwhile.
  bool send(std::string_view bytes);
  // Sends as much as credit allows now, and returns how much.
  std::size_t send_some(std::string_view bytes);

  // SHUTDOWN with VIRTIO_VSOCK_SHUTDOWN_* flags.
  void shutdown(std::uint32_t flags);
  void reset();

  // A socket that does not read: received data stays in its buffer, no credit is returned.
  void stop_reading() { reading_ = false; }
  void start_reading();

  // Information from the device.
  const std::string& received() const { return received_; }
  std::string take_received() { return std::exchange(received_, {}); }
  bool established() const { return established_; }
  bool was_reset() const { return reset_; }
  std::uint32_t peer_shutdown() const { return peer_shutdown_; }
  std::uint32_t credit() const { return peer_buffer_ - (sent_ - peer_forwarded_); }
  int credit_requests() const { return credit_requests_; }

  void handle(const packet& p);
  void transmit(std::uint16_t op, std::string_view payload = {}, std::uint32_t flags = 0);

 private:
  guest_kernel& kernel_;
  const std::uint32_t guest_port_;
  const std::uint32_t host_port_;
  const std::uint32_t buffer_;
  bool reading_ = true;
  bool established_ = false;
  bool reset_ = false;
  std::uint32_t peer_shutdown_ = 0;
  std::uint32_t peer_buffer_ = 0;
  std::uint32_t peer_forwarded_ = 0;
  std::uint32_t sent_ = 0;
  std::uint32_t forwarded_ = 0;
  std::uint32_t announced_ = 0;
  std::uint32_t held_ = 0;  // received but not read
  int credit_requests_ = 0;
  std::string received_;
};

class guest_kernel {
 public:
  explicit guest_kernel(fake_guest& guest) : guest_(guest) {}

  fake_guest& guest() { return guest_; }

  // Delivers the device's packets to the sockets, and lets it work once.
  void turn();
  bool until(const std::function<bool()>& condition);

  // The next packet that was for no socket of this guest; false if there was none.
  bool take_stray(packet& stray);

 private:
  friend guest_socket;
  using key = std::pair<std::uint32_t, std::uint32_t>;

  fake_guest& guest_;
  std::map<key, guest_socket*> sockets_;
  std::vector<packet> strays_;
};

}  // namespace tests
