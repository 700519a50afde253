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

void receive_buffer::keep(std::span<const std::byte> bytes, std::size_t payload,
                          const frame_decoder& at) noexcept {
  const auto offset = static_cast<std::size_t>(bytes.data() - block_.bytes().data());
  if (begin_ == end_) {
    begin_ = offset;
    delivery_ = at;
  }
  end_ = offset + bytes.size();
  payload_ += payload;
  trim();
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
    auto bytes = block_.bytes().subspan(begin_, end_ - begin_);
    const auto item = delivery_.next(bytes);
    if (item.type == frame_decoder::item_type::payload) {
      const std::size_t n = std::min(item.payload.size(), to.size() - delivered);
      std::memcpy(to.data() + delivered, item.payload.data(), n);
      delivered += n;
      payload_ -= n;
      const std::size_t rest = item.payload.size() - n;
      delivery_.take_back(rest);
      begin_ = end_ - bytes.size() - rest;
    } else {
      begin_ = end_ - bytes.size();
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
