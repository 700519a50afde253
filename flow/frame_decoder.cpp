#include "flow/frame_decoder.hpp"

#include <algorithm>
#include <cstring>

namespace flow {

// Returns whether the header is now complete.
bool frame_decoder::take_header(std::span<std::byte>& input) noexcept {
  if (header_size_ == 0 && input.size() >= frame_header_size) {
    std::memcpy(header_.data(), input.data(), frame_header_size);
    input = input.subspan(frame_header_size);
    return true;
  }
  const std::size_t n = std::min(header_left(), input.size());
  std::memcpy(header_.data() + header_size_, input.data(), n);
  input = input.subspan(n);
  header_size_ += n;
  if (header_size_ != frame_header_size) {
    return false;
  }
  header_size_ = 0;
  return true;
}

frame_decoder::item frame_decoder::start_frame() noexcept {
  const std::uint32_t value = decode_header(header_);
  if (value < invalid_length) {
    if (value <= max_frame_) {
      payload_left_ = value;
      last_length_ = value;
      return {};
    }
    failure_ = errc::frame_too_large;
    return {item_type::failure, {}, {}};
  }
  switch (static_cast<frame_code>(value)) {
    case frame_code::shutdown_read:
    case frame_code::shutdown_write:
    case frame_code::close:
      return {item_type::control, {}, static_cast<frame_code>(value)};
  }
  failure_ = errc::protocol;
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
    if (!take_header(input)) {
      break;
    }
    if (const item started = start_frame(); started.type != item_type::none) {
      return started;
    }
  }
  return {};
}

}  // namespace flow
