// The output of a stream: the application's writes, and the one writer to the transport.

#include <optional>
#include <utility>

#include "flow/detail/stream_core.hpp"

namespace flow::detail {

std::optional<io_result> stream_core::try_write(std::span<const iovec> buffers) {
  if (const auto ec = state_.write_error()) {
    return io_result{ec};
  }
  // An application that writes after having read everything expects an answer, which cannot have
  // arrived yet: the next read waits instead of trying first.
  input_empty_ = input_empty_ || input_exhausted_;
  send_queue::operation op(buffers);
  if (queue_.idle()) {
    while (op.left != 0 && !write_wait_ && state_.can_send()) {
      frame_encoder::batch batch;
      queue_.gather(batch, op);
      bytes_written_ += queue_.advance(transmit(batch), op);
    }
    settle();
  }
  if (op.left == 0) {
    return io_result{{}, op.accepted};
  }
  if (const auto ec = state_.drop_error()) {
    return io_result{ec, op.accepted};
  }
  queue_.push(std::move(op));
  return std::nullopt;
}

void stream_core::finish_write(io_handler handler) {
  queue_.back().handler = std::move(handler);
}

void stream_core::serve_output() {
  std::optional<send_queue::operation> done;
  pump_output(&done);
  settle();
  if (done) {
    std::move(done->handler)(error_code(), done->accepted);
  }
}

// Sends until nothing is left or the transport accepts nothing now. The first write that this
// completes goes to `done` if it is given, further ones are posted.
void stream_core::pump_output(std::optional<send_queue::operation>* done) {
  while (!write_wait_ && state_.can_send()) {
    if (!queue_.inside_frame()) {
      if (const auto control = state_.due(!queue_.empty())) {
        queue_.begin(*control);
      } else if (queue_.empty()) {
        return;
      }
    }
    frame_encoder::batch batch;
    if (queue_.sends_operation()) {
      auto& op = queue_.front();
      queue_.gather(batch, op);
      bytes_written_ += queue_.advance(transmit(batch), op);
      if (op.left != 0) {
        continue;
      }
      if (done != nullptr && !*done) {
        *done = queue_.pop();
      } else {
        finish_first_write({});
      }
    } else {
      queue_.gather(batch);
      if (const auto sent = queue_.advance(transmit(batch))) {
        state_.sent(*sent);
        unsettled_ = true;
      }
    }
  }
}

// Returns how much the transport accepted. If that is not all, a wait for room is outstanding, or
// the transport is broken.
std::size_t stream_core::transmit(const frame_encoder::batch& batch) {
  error_code ec;
  const std::size_t n = transport_->write_some(batch.buffers(), ec);
  if (ec && ec != asio::error::would_block) {
    state_.break_sending(meaning_of(ec));
    unsettled_ = true;
  } else if (n != batch.size()) {
    write_wait_ = true;
    transport_->async_wait(wait_type::write, self());
  }
  return n;
}

void stream_core::finish_first_write(error_code ec) {
  auto op = queue_.pop();
  complete(std::move(op.handler), {ec, op.accepted});
}

void stream_core::drop_writes(error_code reason) {
  if (state_.can_send()) {
    bytes_written_ += queue_.detach();
  }
  while (!queue_.empty()) {
    finish_first_write(reason);
  }
}

}  // namespace flow::detail
