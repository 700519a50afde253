// What was read ahead of the application: bytes as they came, headers included, in one pooled block
// that is held only while there is payload to deliver.
//
// The bytes are parsed twice, by two decoders that both see all of them: once as they arrive, by
// the stream, so that control frames are heard at once and nothing invalid is kept; and once here
// as they are delivered, to skip the headers. That costs four bytes per frame and saves a copy.
#pragma once

#include <cstddef>
#include <span>

#include "flow/detail/buffer_pool.hpp"
#include "flow/frame_decoder.hpp"

namespace flow::detail {

class receive_buffer {
 public:
  // Holds at most `limit` bytes, which is at most a block.
  receive_buffer(buffer_pool& pool, std::size_t limit) noexcept;

  // Payload bytes not delivered yet.
  std::size_t payload() const noexcept { return payload_; }
  bool full() const noexcept { return end_ - begin_ == limit_; }

  // Where the next bytes go; empty if full. Followed by keep() or trim().
  std::span<std::byte> prepare();

  // `bytes` were read there, of which `payload` are payload. If nothing else is held, they may be
  // only the last of what was read. `at` is the decoder before it has seen them.
  void keep(std::span<const std::byte> bytes, std::size_t payload,
            const frame_decoder& at) noexcept;

  // Gives the block back if it holds no payload.
  void trim() noexcept;

  // Moves payload out.
  std::size_t deliver(std::span<std::byte> to) noexcept;

  // Drops everything; returns how much payload that was.
  std::size_t discard() noexcept;

 private:
  buffer_pool& pool_;
  std::size_t limit_;
  buffer_pool::block block_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t payload_ = 0;
  frame_decoder delivery_;  // stands at begin_
};

}  // namespace flow::detail
