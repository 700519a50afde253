#include "flow/device/vsock/byte_queue.hpp"

#include <algorithm>
#include <cstring>

namespace flow::device {

std::unique_ptr<block_pool::block> block_pool::take() {
  if (kept_.empty()) {
    return std::make_unique_for_overwrite<block>();
  }
  auto b = std::move(kept_.back());
  kept_.pop_back();
  return b;
}

void block_pool::give(std::unique_ptr<block> b) {
  if (kept_.size() < kept_blocks) {
    kept_.push_back(std::move(b));
  }
}

void byte_queue::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::size_t end = begin_ + size_;
    if (end == blocks_.size() * block_pool::block_size) {
      blocks_.push_back(pool_->take());
    }
    const std::size_t offset = end % block_pool::block_size;
    const std::size_t n = std::min(bytes.size(), block_pool::block_size - offset);
    std::memcpy(blocks_.back()->data() + offset, bytes.data(), n);
    size_ += n;
    bytes = bytes.subspan(n);
  }
}

std::size_t byte_queue::front(std::span<iovec> parts) const noexcept {
  std::size_t used = 0;
  std::size_t offset = begin_;
  std::size_t left = size_;
  for (const auto& b : blocks_) {
    if (used == parts.size() || left == 0) {
      break;
    }
    const std::size_t n = std::min(left, block_pool::block_size - offset);
    parts[used++] = {b->data() + offset, n};
    left -= n;
    offset = 0;
  }
  return used;
}

void byte_queue::consume(std::size_t count) {
  begin_ += count;
  size_ -= count;
  while (begin_ >= block_pool::block_size) {
    pool_->give(std::move(blocks_.front()));
    blocks_.erase(blocks_.begin());
    begin_ -= block_pool::block_size;
  }
  if (size_ == 0) {
    clear();
  }
}

void byte_queue::clear() {
  for (auto& b : blocks_) {
    pool_->give(std::move(b));
  }
  blocks_.clear();
  begin_ = 0;
  size_ = 0;
}

}  // namespace flow::device
