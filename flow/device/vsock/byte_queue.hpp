// Bytes waiting for a slow reader, in blocks of one size from a pool that all queues share: an
// empty queue holds no block, and a queue that keeps filling and draining allocates nothing.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "flow/device/limits.hpp"

namespace flow::device {

class block_pool {
 public:
  static constexpr std::size_t block_size = queue_block;
  using block = std::array<std::byte, block_size>;

  std::unique_ptr<block> take();
  void give(std::unique_ptr<block> b);

 private:
  std::vector<std::unique_ptr<block>> kept_;
};

class byte_queue {
 public:
  // `pool` must outlive the queue.
  explicit byte_queue(block_pool& pool) : pool_(&pool) {}
  byte_queue(const byte_queue&) = delete;
  byte_queue& operator=(const byte_queue&) = delete;
  ~byte_queue() { clear(); }

  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }

  void append(std::span<const std::byte> bytes);

  // Fills `parts` with the oldest bytes; returns how many parts it used.
  std::size_t front(std::span<iovec> parts) const noexcept;

  // Drops the `count` oldest bytes, at most size().
  void consume(std::size_t count);

  void clear();

 private:
  block_pool* pool_;
  std::vector<std::unique_ptr<block_pool::block>> blocks_;
  std::size_t begin_ = 0;  // position of the oldest byte in the first block
  std::size_t size_ = 0;
};

}  // namespace flow::device
