// The byte counters of a vsock connection's flow control. All are modulo 2^32, as on the wire.
#pragma once

#include <cstdint>

namespace flow::device {

// Credit of the guest for sending to us.
class receive_credit {
 public:
  explicit receive_credit(std::uint32_t limit) noexcept : limit_(limit) {}

  // Accounts for `length` bytes from the guest; false if it had no credit for them.
  bool receive(std::uint32_t length) noexcept {
    if (length > limit_ - (received_ - forwarded_)) {
      return false;
    }
    received_ += length;
    return true;
  }

  // `length` received bytes have left our buffer.
  void forward(std::uint32_t length) noexcept { forwarded_ += length; }

  // The values for a packet being sent.
  std::uint32_t limit() const noexcept { return limit_; }
  std::uint32_t announce() noexcept {
    announced_ = forwarded_;
    return announced_;
  }

  // Whether to send the guest an update: it knows of at least a quarter less room than there is. A
  // guest without any credit always reaches that, since it has then sent the whole limit.
  bool update_due() const noexcept { return forwarded_ - announced_ >= limit_ / 4; }

 private:
  std::uint32_t limit_;
  std::uint32_t received_ = 0;
  std::uint32_t forwarded_ = 0;
  std::uint32_t announced_ = 0;
};

// Our credit for sending to the guest.
class send_credit {
 public:
  // The values of a packet from the guest.
  void update(std::uint32_t peer_limit, std::uint32_t peer_forwarded) noexcept {
    peer_limit_ = peer_limit;
    peer_forwarded_ = peer_forwarded;
  }

  void send(std::uint32_t length) noexcept { sent_ += length; }

  // Bytes we may send now. A guest that withdraws credit, or claims to have consumed more than was
  // sent, has none.
  std::uint32_t available() const noexcept {
    const std::uint32_t on_the_way = sent_ - peer_forwarded_;
    return on_the_way < peer_limit_ ? peer_limit_ - on_the_way : 0;
  }

 private:
  std::uint32_t peer_limit_ = 0;
  std::uint32_t peer_forwarded_ = 0;
  std::uint32_t sent_ = 0;
};

}  // namespace flow::device
