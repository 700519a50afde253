// Writes that the transport has not accepted yet, in order, and the control frames between them.
// Makes no decisions: the stream chooses the next control frame and does the I/O.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "flow/detail/buffer_pool.hpp"
#include "flow/detail/stream_handle.hpp"
#include "flow/frame_encoder.hpp"

namespace flow::detail {

class send_queue {
 public:
  // A write: the buffers belong to the caller until it is finished.
  struct operation {
    explicit operation(std::span<const iovec> buffers) noexcept;  // at most max_write_buffers

    std::span<const iovec> remaining() const noexcept {
      return {pieces.data() + first, count - first};
    }
    void consume(std::size_t n) noexcept;

    std::array<iovec, max_write_buffers> pieces;
    std::size_t count;
    std::size_t first = 0;     // index of the first piece that has bytes left
    std::size_t left = 0;      // bytes not yet accepted
    std::size_t accepted = 0;  // by the transport, or taken over by detach()
    io_handler handler;
  };

  send_queue(buffer_pool& pool, std::uint32_t max_payload) noexcept
      : pool_(pool), encoder_(max_payload) {}

  bool empty() const noexcept { return operations_.empty(); }
  bool inside_frame() const noexcept { return encoder_.inside_frame(); }

  // No frame is being sent and nothing is queued: an operation may be sent without queueing it.
  bool idle() const noexcept { return operations_.empty() && !encoder_.inside_frame(); }

  // Adds an operation that has bytes left. One that has been started must be the first.
  void push(operation op);
  operation& front() noexcept { return operations_.front(); }
  operation& back() noexcept { return operations_.back(); }
  operation pop() noexcept;

  // Starts a control frame. Must not be called inside a frame.
  void begin(frame_code control) noexcept;

  // The source of the frame being sent.
  bool sends_operation() const noexcept { return !control_ && !detached_; }

  // An operation's frames: what goes to the transport next, and how much of it was accepted.
  // Returns how much of that was payload.
  void gather(frame_encoder::batch& b, const operation& op) const noexcept;
  std::size_t advance(std::size_t n, operation& op) noexcept;

  // The same for a control frame or a detached remainder. Returns the control frame once it
  // is sent.
  void gather(frame_encoder::batch& b) const noexcept;
  std::optional<frame_code> advance(std::size_t n) noexcept;

  // Makes the frame being sent independent of its operation, which is about to be dropped: the rest
  // of its payload is copied. Returns the number of bytes copied.
  std::size_t detach();

 private:
  buffer_pool& pool_;
  frame_encoder encoder_;
  std::vector<operation> operations_;
  std::optional<frame_code> control_;  // being sent
  buffer_pool::block detached_;        // a frame's last payload bytes, up to detached_end_
  std::size_t detached_end_ = 0;
};

}  // namespace flow::detail
