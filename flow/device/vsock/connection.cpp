#include "flow/device/vsock/connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "flow/device/limits.hpp"
#include "flow/device/virtio/scatter.hpp"
#include "flow/system/retry_interrupted.hpp"

namespace flow::device {
namespace {

constexpr std::uint32_t no_receive = VIRTIO_VSOCK_SHUTDOWN_RCV;
constexpr std::uint32_t no_send = VIRTIO_VSOCK_SHUTDOWN_SEND;

constexpr std::uint32_t base_events = EPOLLIN | EPOLLRDHUP | EPOLLET;

}  // namespace

connection::connection(const connection_key& key, origin from, unique_fd socket, block_pool& pool)
    : key_(key),
      socket_(std::move(socket)),
      guest_(from == origin::guest ? guest_state::established : guest_state::connecting),
      waiting_(pool),
      receive_credit_(receive_buffer) {}

std::uint32_t connection::initial_events() noexcept {
  return base_events;
}

void connection::update_credit(const packet_header& header) noexcept {
  send_credit_.update(header.buf_alloc, header.fwd_cnt);
  if (send_credit_.available() != 0) {
    credit_requested_ = false;
  }
}

bool connection::accept() noexcept {
  if (guest_ != guest_state::connecting || opening_) {
    return false;
  }
  guest_ = guest_state::established;
  deadline_.reset();
  return true;
}

bool connection::receive(std::span<iovec> payload, std::uint32_t length) {
  if (guest_ == guest_state::closing) {
    return true;  // sent before the guest knew that the host's end was closed
  }
  if (guest_ != guest_state::established || guest_finished_ || !receive_credit_.receive(length)) {
    return false;
  }
  const std::size_t sent = to_host_ == half::open && waiting_.empty() ? send(payload) : 0;
  if (to_host_ == half::ended) {
    refused_ += length;
    forwarded(length);
    return true;
  }
  forwarded(sent);
  drop_front(payload, sent);
  for (const auto& part : payload) {
    waiting_.append({static_cast<const std::byte*>(part.iov_base), part.iov_len});
  }
  wait_writable(!waiting_.empty());
  return true;
}

bool connection::guest_shutdown(std::uint32_t flags) {
  if (guest_ == guest_state::connecting) {
    return false;
  }
  if ((flags & no_send) != 0 && !guest_finished_) {
    guest_finished_ = true;
    end_to_host();
  }
  if ((flags & no_receive) != 0 && !guest_refuses_) {
    guest_refuses_ = true;
    end_to_guest();
  }
  return true;
}

void connection::guest_gone() {
  guest_ = guest_state::gone;
  deadline_.reset();
  ready_hook.unlink();
  end_to_host();
  end_to_guest();
}

bool connection::host_ready(std::uint32_t events) {
  constexpr std::uint32_t hung_up = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  readable_ = readable_ || (events & (EPOLLIN | hung_up)) != 0;
  hung_up_ = hung_up_ || (events & hung_up) != 0;
  if ((events & EPOLLHUP) != 0) {
    if (guest_ == guest_state::connecting) {
      return false;
    }
    host_takes_no_more();
  } else if ((events & EPOLLOUT) != 0) {
    flush();
  }
  return true;
}

bool connection::read_due() const noexcept {
  return to_guest_ == half::open && readable_ && send_credit_.available() != 0;
}

bool connection::credit_request_due() const noexcept {
  return to_guest_ == half::open && readable_ && send_credit_.available() == 0 &&
         !credit_requested_;
}

bool connection::has_packet() const noexcept {
  switch (guest_) {
    case guest_state::connecting:
      return opening_;
    case guest_state::established:
      return opening_ || shutdown_due_ != shutdown_sent_ || read_due() || credit_update_ ||
             credit_request_due();
    case guest_state::closing:
    case guest_state::gone:
      break;
  }
  return false;
}

std::optional<packet_header> connection::take_control() {
  if (opening_) {
    opening_ = false;
    return header(guest_ == guest_state::connecting ? VIRTIO_VSOCK_OP_REQUEST
                                                    : VIRTIO_VSOCK_OP_RESPONSE);
  }
  if (shutdown_due_ != shutdown_sent_) {
    shutdown_sent_ = shutdown_due_;
    if (!socket_) {
      guest_ = guest_state::closing;
    }
    return header(VIRTIO_VSOCK_OP_SHUTDOWN, shutdown_sent_);
  }
  if (read_due()) {
    return std::nullopt;
  }
  if (credit_update_) {
    return header(VIRTIO_VSOCK_OP_CREDIT_UPDATE);
  }
  if (credit_request_due()) {
    credit_requested_ = true;
    return header(VIRTIO_VSOCK_OP_CREDIT_REQUEST);
  }
  return std::nullopt;
}

connection::read_outcome connection::read_host(std::span<iovec> parts, std::size_t& count) {
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  const auto n =
      retry_interrupted([&] { return ::recvmsg(socket_.get(), &message, MSG_DONTWAIT); });
  if (n > 0) {
    count = static_cast<std::size_t>(n);
    std::size_t asked = 0;
    for (const auto& part : parts) {
      asked += part.iov_len;
    }
    // Less than asked for: there was no more, and further data will be a new edge. The end of the
    // stream, however, may have been reported already.
    readable_ = count == asked || hung_up_;
    return read_outcome::data;
  }
  if (n == 0) {
    shutdown_due_ |= no_send;
    end_to_guest();
    return read_outcome::nothing;
  }
  if (errno == EAGAIN) {
    readable_ = false;
    return read_outcome::nothing;
  }
  host_takes_no_more();
  end_to_guest();
  return read_outcome::failed;
}

packet_header connection::data_header(std::uint32_t length) {
  send_credit_.send(length);
  auto h = header(VIRTIO_VSOCK_OP_RW);
  h.len = length;
  return h;
}

packet_header connection::header(std::uint16_t op, std::uint32_t flags) {
  credit_update_ = false;  // every packet carries it
  packet_header h{};
  h.src_port = key_.host_port;
  h.dst_port = key_.guest_port;
  h.type = VIRTIO_VSOCK_TYPE_STREAM;
  h.op = op;
  h.flags = flags;
  h.buf_alloc = receive_credit_.limit();
  h.fwd_cnt = receive_credit_.announce();
  return h;
}

// Returns how many bytes the host took.
std::size_t connection::send(std::span<iovec> parts) {
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = std::min(parts.size(), max_parts);
  const auto n = retry_interrupted(
      [&] { return ::sendmsg(socket_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL); });
  if (n >= 0) {
    delivered_ += static_cast<std::uint64_t>(n);
    return static_cast<std::size_t>(n);
  }
  if (errno != EAGAIN) {
    host_takes_no_more();
  }
  return 0;
}

void connection::forwarded(std::size_t count) {
  receive_credit_.forward(static_cast<std::uint32_t>(count));
  if (!guest_finished_ && receive_credit_.update_due()) {
    credit_update_ = true;
  }
}

void connection::flush() {
  while (!waiting_.empty()) {
    std::array<iovec, receive_buffer / block_pool::block_size + 1> parts;
    const std::size_t used = waiting_.front(parts);
    const std::size_t sent = send(std::span(parts).first(used));
    if (sent == 0) {
      return;  // full, continued at the next EPOLLOUT; or ended
    }
    forwarded(sent);
    waiting_.consume(sent);
  }
  wait_writable(false);
  if (to_host_ == half::flushing) {
    end_to_host();
  }
}

void connection::wait_writable(bool wanted) {
  if (wanted != waits_writable_) {
    waits_writable_ = wanted;
    watch_.change(wanted ? base_events | EPOLLOUT : base_events);
  }
}

void connection::host_takes_no_more() {
  if (to_host_ == half::ended) {
    return;
  }
  refused_ += waiting_.size();
  waiting_.clear();
  to_host_ = half::ended;
  shutdown_due_ |= no_receive;
  close_if_ended();
}

// The guest sends no more: waiting bytes are still delivered, then the host reads the end of file.
void connection::end_to_host() {
  if (to_host_ == half::ended) {
    return;
  }
  if (!waiting_.empty()) {
    to_host_ = half::flushing;
    return;
  }
  ::shutdown(socket_.get(), SHUT_WR);
  to_host_ = half::ended;
  close_if_ended();
}

void connection::end_to_guest() noexcept {
  if (to_guest_ == half::ended) {
    return;
  }
  // The host's writer gets EPIPE.
  ::shutdown(socket_.get(), SHUT_RD);
  to_guest_ = half::ended;
  close_if_ended();
}

void connection::close_if_ended() noexcept {
  if (to_host_ == half::ended && to_guest_ == half::ended) {
    watch_.reset();
    socket_.reset();
    shutdown_due_ = no_receive | no_send;
  }
}

}  // namespace flow::device
