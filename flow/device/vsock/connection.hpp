// One connection between a socket of the guest and a stream socket of the host.
//
// It has two halves and two ends, each of which ends independently:
//
//               guest ──RW──► [bytes waiting] ──send──► host          to_host
//               open ──(guest SHUTDOWN(SEND), or guest gone)──► flushing ──(nothing waits)──► ended
//                 └──────────────(host takes no more)──────────────────────────────────────────┘
//
//               host ──recv──► guest's receive buffer ──RW──► guest   to_guest
//               open ──(host end of file; guest SHUTDOWN(RCV); guest gone)──► ended
//
//   guest   connecting ─(RESPONSE)─► established ─(both halves ended, SHUTDOWN sent)─► closing
//           any ─(RST; SHUTDOWN(SEND|RCV); device reset; virtual machine gone)─► gone
//
// The socket is closed when both halves have ended; the object is finished when the guest's end is
// closed as well. A guest that leaves therefore loses nothing: its data is still delivered, however
// slowly the host reads. When the host leaves, the guest receives SHUTDOWN.
//
// The device calls the object; the object never calls back. After each call the device checks
// has_packet() and finished().
#pragma once

#include <boost/intrusive/list_hook.hpp>
#include <cstdint>
#include <optional>
#include <span>

#include "flow/device/event_loop.hpp"
#include "flow/device/vsock/byte_queue.hpp"
#include "flow/device/vsock/credit.hpp"
#include "flow/device/vsock/packet.hpp"
#include "flow/unique_fd.hpp"

namespace flow::device {

class connection {
 public:
  enum class origin { guest, host };
  enum class read_outcome { data, nothing, failed };

  // `socket` is a connected non-blocking stream socket. `pool` must outlive the connection.
  connection(const connection_key& key, origin from, unique_fd socket, block_pool& pool);
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  const connection_key& key() const noexcept { return key_; }
  int socket() const noexcept { return socket_.get(); }
  // The registration of the socket; this object uses it and drops it together with the socket.
  void set_watch(event_loop::watch watch) { watch_ = std::move(watch); }
  // Limits the wait for the guest's RESPONSE.
  void set_deadline(event_loop::timer deadline) { deadline_ = std::move(deadline); }
  static std::uint32_t initial_events() noexcept;

  // --- packets from the guest ---

  // Every packet carries credit.
  void update_credit(const packet_header& header) noexcept;
  // RESPONSE. False if none was expected.
  bool accept() noexcept;
  // RW: sends `payload` to the host, or keeps what the host does not accept now. False if the guest
  // exceeded its credit or sent after its own SHUTDOWN.
  bool receive(std::span<iovec> payload, std::uint32_t length);
  // SHUTDOWN. False before the connection is established.
  bool guest_shutdown(std::uint32_t flags);
  // Whether the guest has announced that it neither sends nor receives any more.
  bool guest_left() const noexcept { return guest_finished_ && guest_refuses_; }
  // CREDIT_REQUEST.
  void guest_asks_credit() noexcept { credit_update_ = true; }
  // The guest's end no longer exists. Nothing more is sent to it.
  void guest_gone();

  // --- events of the host's socket ---

  // EPOLL* bits of the socket. False if the connection failed before it was established.
  bool host_ready(std::uint32_t events);

  // --- packets to the guest ---

  bool has_packet() const noexcept;
  // The packet without payload that is due; the caller sends it. nullopt: data is due.
  std::optional<packet_header> take_control();
  // How many bytes of payload may be sent now.
  std::uint32_t sendable() const noexcept { return send_credit_.available(); }
  // Reads from the host directly into the guest's buffers. `count` bytes must then be sent. failed:
  // the guest must be reset.
  read_outcome read_host(std::span<iovec> parts, std::size_t& count);
  // The header of an RW of `length` bytes.
  packet_header data_header(std::uint32_t length);

  // Nothing is left to do: the guest's end and the socket are closed.
  bool finished() const noexcept { return guest_ == guest_state::gone && !socket_; }
  // The guest has received the end and only has to confirm it.
  bool closing() const noexcept { return guest_ == guest_state::closing; }

  // Bytes from the guest that the host has accepted, and those it refused.
  std::uint64_t delivered() const noexcept { return delivered_; }
  std::uint64_t refused() const noexcept { return refused_; }

  // Used by the device's list of connections that have a packet.
  using list_hook = boost::intrusive::list_member_hook<
      boost::intrusive::link_mode<boost::intrusive::auto_unlink>>;
  list_hook ready_hook;

 private:
  enum class guest_state { connecting, established, closing, gone };
  enum class half { open, flushing, ended };

  packet_header header(std::uint16_t op, std::uint32_t flags = 0);
  bool read_due() const noexcept;
  bool credit_request_due() const noexcept;
  std::size_t send(std::span<iovec> parts);
  void forwarded(std::size_t count);
  void flush();
  void wait_writable(bool wanted);
  void host_takes_no_more();
  void end_to_host();
  void end_to_guest() noexcept;
  void close_if_ended() noexcept;

  const connection_key key_;
  unique_fd socket_;
  event_loop::watch watch_;
  event_loop::timer deadline_;

  guest_state guest_;
  half to_host_ = half::open;
  half to_guest_ = half::open;

  byte_queue waiting_;  // from the guest, for the host
  receive_credit receive_credit_;
  send_credit send_credit_;

  // Packets that are due.
  bool opening_ = true;  // REQUEST or RESPONSE
  bool credit_update_ = false;
  bool credit_requested_ = false;   // requested, and no credit has arrived since
  std::uint32_t shutdown_due_ = 0;  // flags of SHUTDOWN, ours
  std::uint32_t shutdown_sent_ = 0;

  // Readiness is edge-triggered: remembered until a system call would block.
  bool readable_ = false;
  bool hung_up_ = false;  // the end of file has arrived, behind bytes still to be read
  bool waits_writable_ = false;
  bool guest_finished_ = false;  // the guest has promised to send no more
  bool guest_refuses_ = false;   // the guest receives no more

  std::uint64_t delivered_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace flow::device
