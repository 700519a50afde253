#include "flow/detail/send_queue.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace flow::detail {

send_queue::operation::operation(std::span<const iovec> buffers) noexcept
    : count(std::min(buffers.size(), max_write_buffers)) {
  for (std::size_t i = 0; i < count; ++i) {
    pieces[i] = buffers[i];
    left += buffers[i].iov_len;
  }
}

void send_queue::operation::consume(std::size_t n) noexcept {
  left -= n;
  accepted += n;
  while (n != 0) {
    auto& piece = pieces[first];
    const std::size_t taken = std::min(n, piece.iov_len);
    piece.iov_base = static_cast<std::byte*>(piece.iov_base) + taken;
    piece.iov_len -= taken;
    n -= taken;
    if (piece.iov_len == 0) {
      ++first;
    }
  }
}

void send_queue::push(operation op) {
  assert(op.left != 0 && "an empty write has no frame");
  operations_.push_back(std::move(op));
}

send_queue::operation send_queue::pop() noexcept {
  operation op = std::move(operations_.front());
  operations_.erase(operations_.begin());
  return op;
}

void send_queue::begin(frame_code control) noexcept {
  encoder_.begin(control);
  control_ = control;
}

void send_queue::gather(frame_encoder::batch& b, const operation& op) const noexcept {
  encoder_.gather(b, op.remaining());
}

std::size_t send_queue::advance(std::size_t n, operation& op) noexcept {
  const std::size_t payload = encoder_.advance(n, op.left);
  op.consume(payload);
  return payload;
}

void send_queue::gather(frame_encoder::batch& b) const noexcept {
  if (control_) {
    encoder_.gather(b, {});
    return;
  }
  const std::size_t left = encoder_.payload_left();
  const iovec rest{detached_.bytes().data() + detached_end_ - left, left};
  encoder_.gather(b, {&rest, 1});
}

std::optional<frame_code> send_queue::advance(std::size_t n) noexcept {
  encoder_.advance(n, encoder_.payload_left());
  if (encoder_.inside_frame()) {
    return std::nullopt;
  }
  detached_.reset();
  return std::exchange(control_, std::nullopt);
}

std::size_t send_queue::detach() {
  if (!encoder_.inside_frame() || !sends_operation()) {
    return 0;
  }
  detached_ = pool_.take();
  detached_end_ = 0;
  auto& op = operations_.front();
  const std::size_t size = encoder_.payload_left();
  std::size_t left = size;
  for (const auto& piece : op.remaining()) {
    const std::size_t n = std::min(left, piece.iov_len);
    std::memcpy(detached_.bytes().data() + detached_end_, piece.iov_base, n);
    detached_end_ += n;
    left -= n;
  }
  op.consume(size);
  return size;
}

}  // namespace flow::detail
