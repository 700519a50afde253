// Bytes read ahead of the application, as received, headers included, in one pooled block that is
// held only while there is payload to deliver.
//
// The bytes are parsed twice, by two decoders that both see all of them: once by the stream as they
// arrive, so that control frames take effect at once and nothing invalid is kept; and once here as
// they are delivered, to skip the headers. That costs four bytes per frame and saves a copy.
#pragma once

#include <cstddef>
#include <span>

#include "flow/detail/buffer_pool.hpp"
#include "flow/frame_decoder.hpp"

namespace flow::detail {

class receive_buffer {
 public:
  // Holds at most `limit` bytes, which must not exceed a block.
  receive_buffer(buffer_pool& pool, std::size_t limit) noexcept;

  // Payload bytes not delivered yet.
  std::size_t payload() const noexcept { return payload_; }
  bool full() const noexcept { return end_ - begin_ == limit_; }

  // Space for the next bytes; empty if full. Followed by keep() or trim().
  std::span<std::byte> prepare();

  // `bytes` were read into that space, of which `payload` are payload. If nothing else is held,
  // they may be only the last part of the bytes read. `at` is the decoder's state before it
  // parsed them.
  void keep(std::span<const std::byte> bytes, std::size_t payload,
            const frame_decoder& at) noexcept;

  // Returns the block to the pool if it holds no payload.
  void trim() noexcept;

  // Moves payload out.
  std::size_t deliver(std::span<std::byte> to) noexcept;

  // Drops everything; returns how much of it was payload.
  std::size_t discard() noexcept;

 private:
  buffer_pool& pool_;
  std::size_t limit_;
  buffer_pool::block block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t payload_ = 0;
  frame_decoder delivery_;  // positioned at begin_
};

}  // namespace flow::detail
