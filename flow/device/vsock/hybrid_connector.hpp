// The hybrid form of Firecracker and Cloud Hypervisor: unix sockets stand for ports.
//
//   guest connects to port P        we connect to "<path>_<P>"; if nothing listens: refused
//   client connects to "<path>"     it sends "CONNECT <port>\n", we answer "OK <host port>\n" when
//                                   the guest has accepted, and close if it has not
//
// The command is at most 32 bytes and must arrive within handshake_timeout. Everything after it
// already belongs to the stream.
#pragma once

#include <cstdint>
#include <list>
#include <string>

#include "flow/device/event_loop.hpp"
#include "flow/device/limits.hpp"
#include "flow/device/vsock/connector.hpp"
#include "flow/system/log.hpp"

namespace flow::device {

class vsock_device;

class hybrid_connector final : public connector {
 public:
  // `listener` is bound to the path `prefix`. `log` must outlive the connector.
  hybrid_connector(std::string prefix, unique_fd listener, log& log)
      : prefix_(std::move(prefix)), listener_(std::move(listener)), log_(log) {}

  // Starts to accept clients for `device`; each has `patience` to send its command. The device must
  // live as long as the connector is used, the loop longer.
  result<> start(event_loop& loop, vsock_device& device,
                 event_loop::clock::duration patience = handshake_timeout);

  result<unique_fd> connect(const connection_key& key) override;
  void accepted(const connection_key& key, int socket) override;

 private:
  struct handshake {
    unique_fd client;
    event_loop::watch watch;
    event_loop::timer deadline;
  };
  using handshake_list = std::list<handshake>;

  void accept_clients();
  void read_command(handshake_list::iterator one, std::uint32_t events);
  void end_handshake(handshake_list::iterator one);

  std::string prefix_;
  unique_fd listener_;
  log& log_;
  event_loop* loop_ = nullptr;
  vsock_device* device_ = nullptr;
  event_loop::clock::duration patience_{};
  event_loop::watch watch_;
  handshake_list handshakes_;
};

// The port of "CONNECT <decimal u32>\n", without the newline; errc::protocol if it is not that.
result<std::uint32_t> parse_connect_command(std::string_view line);

}  // namespace flow::device
