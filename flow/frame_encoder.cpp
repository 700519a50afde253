#include "flow/frame_encoder.hpp"

#include <cstring>

namespace flow {

void frame_encoder::batch::join(const frame_header& header,
                                std::span<const iovec> payload) noexcept {
  std::memcpy(joined_.data(), header.data(), header.size());
  std::size_t size = header.size();
  for (const auto& piece : payload) {
    std::memcpy(joined_.data() + size, piece.iov_base, piece.iov_len);
    size += piece.iov_len;
  }
  add(joined_.data(), size);
}

void frame_encoder::gather(batch& b, std::span<const iovec> payload) const noexcept {
  std::size_t message = 0;
  for (const auto& piece : payload) {
    message += piece.iov_len;
  }
  if (!inside_frame() && message <= std::min(max_payload_, batch::max_joined_payload)) {
    b.join(encode_header(static_cast<std::uint32_t>(message)), payload);
    return;
  }
  if (header_left_ != 0) {
    b.add(header_.data() + frame_header_size - header_left_, header_left_);
  }
  std::size_t frame = payload_left_;
  std::size_t headers = 0;
  std::size_t offset = 0;  // into the first piece
  while (message != 0 && !b.full()) {
    if (frame == 0) {
      // A header is only sent together with a part of its payload.
      if (headers == batch::max_headers || b.count_ + 2 > b.buffers_.size()) {
        break;
      }
      frame = frame_size(message);
      b.headers_[headers] = encode_header(static_cast<std::uint32_t>(frame));
      b.add(b.headers_[headers++].data(), frame_header_size);
    }
    if (offset == payload.front().iov_len) {
      payload = payload.subspan(1);
      offset = 0;
      continue;
    }
    const std::size_t n = std::min(frame, payload.front().iov_len - offset);
    b.add(static_cast<const std::byte*>(payload.front().iov_base) + offset, n);
    offset += n;
    frame -= n;
    message -= n;
  }
}

std::size_t frame_encoder::advance(std::size_t n, std::size_t payload_size) noexcept {
  std::size_t consumed = 0;
  for (;;) {
    const std::size_t header = std::min(n, header_left_);
    header_left_ -= header;
    n -= header;
    const auto payload = static_cast<std::uint32_t>(std::min<std::size_t>(n, payload_left_));
    payload_left_ -= payload;
    n -= payload;
    consumed += payload;
    if (n == 0) {
      return consumed;
    }
    const std::uint32_t size = frame_size(payload_size - consumed);
    begin(size, size);
  }
}

}  // namespace flow
