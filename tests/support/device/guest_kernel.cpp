#include "tests/support/device/guest_kernel.hpp"

#include <algorithm>
#include <stdexcept>

namespace tests {
namespace {

constexpr std::uint32_t max_packet = 64 * 1024;
constexpr int patience = 20000;

}  // namespace

guest_socket::guest_socket(guest_kernel& kernel, std::uint32_t guest_port, std::uint32_t host_port,
                           std::uint32_t buffer)
    : kernel_(kernel), guest_port_(guest_port), host_port_(host_port), buffer_(buffer) {
  if (!kernel_.sockets_.emplace(guest_kernel::key{guest_port, host_port}, this).second) {
    throw std::runtime_error("port in use in the guest");
  }
}

guest_socket::~guest_socket() {
  kernel_.sockets_.erase({guest_port_, host_port_});
}

void guest_socket::transmit(std::uint16_t op, std::string_view payload, std::uint32_t flags) {
  auto h = kernel_.guest_.header(op, guest_port_, host_port_);
  h.flags = flags;
  h.buf_alloc = buffer_;
  h.fwd_cnt = forwarded_;
  announced_ = forwarded_;
  kernel_.guest_.transmit(h, payload);
}

bool guest_socket::connect() {
  transmit(VIRTIO_VSOCK_OP_REQUEST);
  if (!kernel_.until([this] { return established_ || reset_; })) {
    throw std::runtime_error("connect is not answered");
  }
  return established_;
}

void guest_socket::accept(const packet& request) {
  handle(request);
  established_ = true;
  transmit(VIRTIO_VSOCK_OP_RESPONSE);
}

std::size_t guest_socket::send_some(std::string_view bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size() && credit() != 0 && !reset_) {
    const auto n = std::min({bytes.size() - sent, std::size_t{credit()}, std::size_t{max_packet}});
    transmit(VIRTIO_VSOCK_OP_RW, bytes.substr(sent, n));
    sent_ += static_cast<std::uint32_t>(n);
    sent += n;
  }
  return sent;
}

bool guest_socket::send(std::string_view bytes) {
  for (int i = 0; i < patience; ++i) {
    bytes.remove_prefix(send_some(bytes));
    if (bytes.empty()) {
      return true;
    }
    if (reset_ || (peer_shutdown_ & VIRTIO_VSOCK_SHUTDOWN_RCV) != 0) {
      return false;
    }
    kernel_.turn();
  }
  throw std::runtime_error("no credit comes");
}

void guest_socket::shutdown(std::uint32_t flags) {
  transmit(VIRTIO_VSOCK_OP_SHUTDOWN, {}, flags);
}

void guest_socket::reset() {
  transmit(VIRTIO_VSOCK_OP_RST);
}

void guest_socket::start_reading() {
  reading_ = true;
  forwarded_ += held_;
  held_ = 0;
  transmit(VIRTIO_VSOCK_OP_CREDIT_UPDATE);
}

void guest_socket::handle(const packet& p) {
  peer_buffer_ = p.header.buf_alloc;
  peer_forwarded_ = p.header.fwd_cnt;
  switch (p.header.op) {
    case VIRTIO_VSOCK_OP_RESPONSE:
      established_ = true;
      break;
    case VIRTIO_VSOCK_OP_RST:
      reset_ = true;
      break;
    case VIRTIO_VSOCK_OP_SHUTDOWN:
      peer_shutdown_ |= p.header.flags;
      break;
    case VIRTIO_VSOCK_OP_CREDIT_REQUEST:
      ++credit_requests_;
      transmit(VIRTIO_VSOCK_OP_CREDIT_UPDATE);
      break;
    case VIRTIO_VSOCK_OP_RW:
      held_ += p.header.len;
      if (held_ + (forwarded_ - announced_) > buffer_) {
        throw std::runtime_error("the device sent more than its credit");
      }
      received_ += p.payload;
      if (reading_) {
        forwarded_ += std::exchange(held_, 0);
        if (forwarded_ - announced_ >= buffer_ - std::min(buffer_, max_packet)) {
          transmit(VIRTIO_VSOCK_OP_CREDIT_UPDATE);
        }
      }
      break;
    default:
      break;
  }
}

void guest_kernel::turn() {
  guest_.turn();
  while (auto p = guest_.receive()) {
    const auto found = sockets_.find({p->header.dst_port, p->header.src_port});
    if (found == sockets_.end()) {
      strays_.push_back(std::move(*p));
    } else {
      found->second->handle(*p);
    }
  }
}

bool guest_kernel::until(const std::function<bool()>& condition) {
  for (int i = 0; i < patience; ++i) {
    if (condition()) {
      return true;
    }
    turn();
  }
  return condition();
}

bool guest_kernel::take_stray(packet& stray) {
  if (strays_.empty()) {
    return false;
  }
  stray = std::move(strays_.front());
  strays_.erase(strays_.begin());
  return true;
}

}  // namespace tests
