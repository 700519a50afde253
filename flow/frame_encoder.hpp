// Cuts messages into frames and selects the bytes that go to the transport next. No I/O, no
// allocation; only small payloads are copied.
//
//   encoder.gather(batch, payload);                     // as many frames as fit one system call
//   n = transport.write_some(batch.buffers(), ec);      // any part of them
//   consumed = encoder.advance(n, size of payload);     // how much of the payload that was
//
// Once the first byte of its header is sent, a frame must be finished, whatever happens to its
// message: inside_frame() and payload_left() report what remains.
#pragma once

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "flow/frame.hpp"

namespace flow {

class frame_encoder {
 public:
  // The pieces of one system call. Points into this object, the encoder and the payload.
  class batch {
   public:
    batch() = default;
    batch(const batch&) = delete;
    batch& operator=(const batch&) = delete;

    std::span<const iovec> buffers() const noexcept { return {buffers_.data(), count_}; }
    std::size_t size() const noexcept { return size_; }

   private:
    friend class frame_encoder;
    static constexpr std::size_t max_headers = 16;
    static constexpr std::uint32_t max_joined_payload = legacy_max_payload;

    void join(const frame_header& header, std::span<const iovec> payload) noexcept;
    bool full() const noexcept { return count_ == buffers_.size(); }
    void add(const void* data, std::size_t size) noexcept {
      buffers_[count_++] = {const_cast<void*>(data), size};
      size_ += size;
    }

    std::array<frame_header, max_headers> headers_;
    std::array<iovec, 2 * max_headers> buffers_;
    std::array<std::byte, frame_header_size + max_joined_payload>
        joined_;  // a small frame, header and payload
    std::size_t count_ = 0;
    std::size_t size_ = 0;
  };

  // Data frames carry at most `max_payload` bytes, which is at least 1.
  explicit frame_encoder(std::uint32_t max_payload) noexcept : max_payload_(max_payload) {}

  bool inside_frame() const noexcept { return header_left_ != 0 || payload_left_ != 0; }
  std::uint32_t payload_left() const noexcept { return payload_left_; }

  // Starts a frame without payload. Must not be called inside a frame.
  void begin(frame_code code) noexcept { begin(static_cast<std::uint32_t>(code), 0); }

  // Fills an empty batch with the rest of the current frame, and then with Data frames for the rest
  // of `payload`, whose first bytes belong to the current frame. A small message is copied behind
  // its header, which is cheaper than a second piece in the system call.
  void gather(batch& b, std::span<const iovec> payload) const noexcept;

  // The transport accepted `n` bytes of a batch gathered from `payload_size` bytes of payload.
  // Returns how many of them were payload.
  std::size_t advance(std::size_t n, std::size_t payload_size) noexcept;

 private:
  void begin(std::uint32_t value, std::uint32_t size) noexcept {
    header_ = encode_header(value);
    header_left_ = frame_header_size;
    payload_left_ = size;
  }

  std::uint32_t frame_size(std::size_t message) const noexcept {
    return static_cast<std::uint32_t>(std::min<std::size_t>(max_payload_, message));
  }

  std::uint32_t max_payload_;
  std::uint32_t payload_left_ = 0;
  std::size_t header_left_ = 0;
  frame_header header_{};
};

}  // namespace flow
