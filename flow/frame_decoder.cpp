#include "flow/frame_decoder.hpp"

#include <algorithm>
#include <cstring>

namespace flow {

void frame_decoder::take_header(std::span<std::byte>& input) noexcept {
  const std::size_t n = std::min(header_left(), input.size());
  std::memcpy(header_.data() + header_size_, input.data(), n);
  header_size_ += n;
  input = input.subspan(n);
}

frame_decoder::item frame_decoder::start_frame() noexcept {
  const std::uint32_t value = decode_header(header_);
  header_size_ = 0;
  switch (static_cast<frame_code>(value)) {
    case frame_code::shutdown_read:
    case frame_code::shutdown_write:
    case frame_code::close:
      return {item_type::control, {}, static_cast<frame_code>(value)};
  }
  if (value >= invalid_length) {
    failure_ = errc::protocol;
  } else if (value > max_frame_) {
    failure_ = errc::frame_too_large;
  } else {
    payload_left_ = value;
    last_length_ = value;
    return {};
  }
  return {item_type::failure, {}, {}};
}

frame_decoder::item frame_decoder::next(std::span<std::byte>& input) noexcept {
  if (failure_) {
    return {item_type::failure, {}, {}};
  }
  while (!input.empty()) {
    if (payload_left_ != 0) {
      const auto payload = input.first(std::min<std::size_t>(payload_left_, input.size()));
      input = input.subspan(payload.size());
      payload_left_ -= static_cast<std::uint32_t>(payload.size());
      return {item_type::payload, payload, {}};
    }
    take_header(input);
    if (header_left() != 0) {
      break;
    }
    if (const item started = start_frame(); started.type != item_type::none) {
      return started;
    }
  }
  return {};
}

}  // namespace flow
