// Writes that the transport has not accepted yet, in order, and the control frames between them.
// Decides nothing: the stream says which control frame is next and does the I/O.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "flow/detail/buffer_pool.hpp"
#include "flow/frame_encoder.hpp"
#include "flow/stream.hpp"

namespace flow::detail {

class send_queue {
 public:
  // A write: buffers that are the caller's until it is finished.
  struct operation {
    operation() = default;
    operation(operation&&) noexcept = default;
    operation& operator=(operation&& other) noexcept {
      buffers = other.buffers;
      first = other.first;
      left = other.left;
      accepted = other.accepted;
      handler.swap(other.handler);  // see transport::wait_handler
      return *this;
    }
    ~operation() = default;

    write_buffers buffers;
    std::size_t first = 0;     // of the buffers, the first that has bytes left
    std::size_t left = 0;      // bytes not yet accepted
    std::size_t accepted = 0;  // by the transport, or taken over by detach()
    io_handler handler;        // none while the call that starts the write is still running
  };

  struct progress {
    std::size_t payload = 0;            // bytes accepted of the first operation
    bool operation_done = false;        // which is to be popped
    std::optional<frame_code> control;  // a control frame is sent entirely
  };

  send_queue(buffer_pool& pool, std::uint32_t max_payload) noexcept
      : pool_(pool), encoder_(max_payload) {}

  bool empty() const noexcept { return operations_.empty(); }
  bool inside_frame() const noexcept { return encoder_.inside_frame(); }

  // Adds a write of at least one byte.
  void push(const write_buffers& buffers);
  operation& back() noexcept { return operations_.back(); }
  operation pop() noexcept;

  // Begins a control frame. Not inside a frame.
  void begin(frame_code control) noexcept;

  // What goes to the transport next, and what it took of that.
  void gather(frame_encoder::batch& b) const noexcept;
  progress advance(std::size_t n) noexcept;

  // Makes the frame that is on its way independent of its operation, which is about to be dropped:
  // the rest of its payload is copied. Returns how many bytes that is.
  std::size_t detach();

 private:
  bool sends_operation() const noexcept { return !control_ && !detached_; }

  buffer_pool& pool_;
  frame_encoder encoder_;
  std::vector<operation> operations_;
  std::optional<frame_code> control_;  // on its way
  buffer_pool::block detached_;        // a frame's last payload bytes, up to detached_end_
  std::size_t detached_end_ = 0;
};

}  // namespace flow::detail
