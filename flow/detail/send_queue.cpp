#include "flow/detail/send_queue.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace flow::detail {
namespace {

std::span<const iovec> remaining(const send_queue::operation& op) {
  return std::span(op.buffers.data).subspan(op.first, op.buffers.count - op.first);
}

void consume(send_queue::operation& op, std::size_t n) {
  op.left -= n;
  op.accepted += n;
  while (n != 0) {
    auto& piece = op.buffers.data[op.first];
    const std::size_t taken = std::min(n, piece.iov_len);
    piece.iov_base = static_cast<std::byte*>(piece.iov_base) + taken;
    piece.iov_len -= taken;
    n -= taken;
    if (piece.iov_len == 0) {
      ++op.first;
    }
  }
}

}  // namespace

void send_queue::push(const write_buffers& buffers) {
  operation op;
  op.buffers = buffers;
  for (const auto& piece : remaining(op)) {
    op.left += piece.iov_len;
  }
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

void send_queue::gather(frame_encoder::batch& b) const noexcept {
  if (sends_operation()) {
    encoder_.gather(b, remaining(operations_.front()));
  } else if (control_) {
    encoder_.gather(b, {});
  } else {
    const std::size_t left = encoder_.payload_left();
    const iovec rest{detached_.bytes().data() + detached_end_ - left, left};
    encoder_.gather(b, {&rest, 1});
  }
}

send_queue::progress send_queue::advance(std::size_t n) noexcept {
  progress p;
  if (sends_operation()) {
    auto& op = operations_.front();
    p.payload = encoder_.advance(n, op.left);
    consume(op, p.payload);
    p.operation_done = op.left == 0;
    return p;
  }
  encoder_.advance(n, encoder_.payload_left());
  if (!encoder_.inside_frame()) {
    detached_.reset();
    p.control = std::exchange(control_, std::nullopt);
  }
  return p;
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
  for (const auto& piece : remaining(op)) {
    const std::size_t n = std::min(left, piece.iov_len);
    std::memcpy(detached_.bytes().data() + detached_end_, piece.iov_base, n);
    detached_end_ += n;
    left -= n;
  }
  consume(op, size);
  return size;
}

}  // namespace flow::detail
