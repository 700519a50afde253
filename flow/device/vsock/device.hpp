// The socket device: moves packets between the guest's two rings and the sockets of the host.
//
// It is independent of vhost-user: it is started with two running rings and stopped again. run()
// does all the work, once per turn of the loop, so that many events cost one pass over each ring
// and one interrupt. The event handlers only record events.
//
// Fairness: connections with data for the guest take turns, each with at most `burst` bytes; a
// connection whose host does not read uses up only its own credit.
#pragma once

#include <boost/intrusive/list.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <unordered_map>

#include "flow/device/event_loop.hpp"
#include "flow/device/limits.hpp"
#include "flow/device/virtio/vring.hpp"
#include "flow/device/vsock/byte_queue.hpp"
#include "flow/device/vsock/connection.hpp"
#include "flow/device/vsock/connector.hpp"
#include "flow/system/log.hpp"

namespace flow::device {

class vsock_device {
 public:
  // Everything must outlive the device. `connection_limit` bounds the sockets it holds.
  vsock_device(event_loop& loop, log& log, connector& connector, std::uint64_t guest_cid,
               std::size_t connection_limit);
  vsock_device(const vsock_device&) = delete;
  vsock_device& operator=(const vsock_device&) = delete;
  ~vsock_device();

  // Called when the device has failed; it has already stopped.
  void on_broken(std::function<void()> handler) { on_broken_ = std::move(handler); }

  // Starts to serve the rings, whose queues are present; they must live until stop(). If they
  // continue where stop() left them, the guest was only paused, and its connections continue;
  // otherwise the guest was reset and does not know the old connections.
  void start(vring& receive, vring& transmit);

  // Takes everything the guest has sent, then stops; leaves in each ring the base to continue with.
  void stop();

  bool running() const noexcept { return receive_ != nullptr; }

  // The driver or the front end violated the rules of `where`: stops without accessing the rings
  // again. The device can be restarted.
  void fail(std::string_view where, std::string_view what);

  // The guest and its connections no longer exist; data they sent is still delivered.
  void guest_gone();

  // Opens a connection to the guest for a client of the host; drops it if the guest does not answer
  // within `patience`. On failure the socket is closed.
  result<> connect_guest(std::uint32_t guest_port, unique_fd client,
                         event_loop::clock::duration patience = response_timeout);

  // One turn of work; true if some is left.
  bool run();

  // Connections whose last bytes are still waiting for their reader.
  std::size_t lingering() const noexcept { return lingering_.size(); }
  std::size_t connections() const noexcept { return live_.size() + lingering_.size(); }

  // Bytes from the guest that the host accepted, and those it refused by closing before
  // reading them.
  std::uint64_t delivered() const noexcept;
  std::uint64_t refused() const noexcept { return refused_; }

 private:
  struct key_hash {
    std::size_t operator()(const connection_key& key) const noexcept {
      return std::hash<std::uint64_t>()((std::uint64_t{key.guest_port} << 32U) | key.host_port);
    }
  };
  struct ring_bases {
    std::uint16_t receive;
    std::uint16_t transmit;
    friend bool operator==(const ring_bases&, const ring_bases&) = default;
  };
  using connection_ptr = std::unique_ptr<connection>;
  using ready_list = boost::intrusive::list<
      connection,
      boost::intrusive::member_hook<connection, connection::list_hook, &connection::ready_hook>,
      boost::intrusive::constant_time_size<false>>;
  enum class progress { done, starved, failed, broken };

  // From the guest (device_transmit.cpp).
  bool take_packets(int limit, std::size_t reply_limit);
  void handle(const packet_header& header, std::span<iovec> payload);
  void handle_request(const packet_header& header);
  void handle_for(connection& c, const packet_header& header, std::span<iovec> payload);

  // To the guest (device_receive.cpp).
  bool give_packets();
  progress give_reply();
  progress give_one(connection& c);
  progress give_data(connection& c, descriptor_chain chain);
  progress take_buffer(descriptor_chain& chain);
  void give_header(const descriptor_chain& chain, packet_header header);
  std::size_t add_payload_parts(const descriptor_chain& chain, std::size_t room);

  result<connection*> add(const connection_key& key, connection::origin from, unique_fd socket);
  connection* find(const connection_key& key) noexcept;
  std::uint32_t free_host_port(std::uint32_t guest_port) noexcept;
  void refuse(const packet_header& header);
  void reset(connection& c);
  void drop_guest(connection& c);
  void host_ready(connection& c, std::uint32_t events);
  void settle(connection& c);
  void destroy(connection& c);
  void detach() noexcept;

  event_loop& loop_;
  log& log_;
  connector& connector_;
  const std::uint64_t guest_cid_;
  const std::size_t connection_limit_;
  std::function<void()> on_broken_;

  vring* receive_ = nullptr;
  vring* transmit_ = nullptr;
  std::optional<ring_bases> stopped_at_;

  block_pool pool_;
  std::unordered_map<connection_key, connection_ptr, key_hash> live_;  // known to the guest
  std::list<connection_ptr> lingering_;  // the guest's end is closed, the host still reads
  ready_list ready_;                     // those with a packet for the guest
  std::deque<packet_header> replies_;    // RSTs that belong to no connection
  std::uint32_t next_host_port_;
  std::vector<iovec> parts_;  // scratch of give_data

  std::uint64_t delivered_ = 0;  // by connections that are finished
  std::uint64_t refused_ = 0;
  std::uint64_t failures_ = 0;
};

}  // namespace flow::device
