#include "flow/detail/receive_buffer.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace flow::detail {

receive_buffer::receive_buffer(buffer_pool& pool, std::size_t limit) noexcept
    : pool_(pool), limit_(std::min(limit, buffer_pool::block_size)), delivery_(0) {}

std::span<std::byte> receive_buffer::prepare() {
  if (!block_) {
    block_ = pool_.take();
  }
  if (begin_ != 0 && limit_ - end_ < limit_ / 2) {
    std::memmove(block_.bytes().data(), block_.bytes().data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
  }
  return block_.bytes().subspan(end_, limit_ - end_);
}

std::span<std::byte> receive_buffer::commit(std::size_t size,
                                            const frame_decoder& arrival) noexcept {
  if (begin_ == end_) {
    delivery_ = arrival;
  }
  const auto bytes = block_.bytes().subspan(end_, size);
  end_ += size;
  return bytes;
}

void receive_buffer::trim() noexcept {
  if (payload_ == 0) {
    block_.reset();
    begin_ = end_ = 0;
  }
}

std::size_t receive_buffer::deliver(std::span<std::byte> to) noexcept {
  std::size_t delivered = 0;
  while (payload_ != 0 && delivered != to.size()) {
    // The decoder is offered no more payload than there is room for, and headers whole.
    const std::size_t room = to.size() - delivered;
    const std::size_t offered = delivery_.payload_left() != 0 ? room : delivery_.header_left();
    auto bytes = block_.bytes().subspan(begin_, std::min(offered, end_ - begin_));
    begin_ += bytes.size();
    const auto item = delivery_.next(bytes);
    begin_ -= bytes.size();
    if (item.type == frame_decoder::item_type::payload) {
      std::memcpy(to.data() + delivered, item.payload.data(), item.payload.size());
      delivered += item.payload.size();
      payload_ -= item.payload.size();
    }
  }
  trim();
  return delivered;
}

std::size_t receive_buffer::discard() noexcept {
  const std::size_t dropped = std::exchange(payload_, 0);
  trim();
  return dropped;
}

}  // namespace flow::detail
