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

  // Where the next bytes go; empty if full. Followed by commit() or trim().
  std::span<std::byte> prepare();

  // `size` bytes were read there. `arrival` is the stream's decoder before it has seen them.
  // Returns them, to be parsed and reported by add_payload().
  std::span<std::byte> commit(std::size_t size, const frame_decoder& arrival) noexcept;

  void add_payload(std::size_t size) noexcept { payload_ += size; }

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
