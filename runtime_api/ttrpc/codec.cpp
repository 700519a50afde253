#include "runtime_api/ttrpc/codec.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "runtime_api/ttrpc/limits.hpp"

namespace ttrpc {

std::span<char> message_decoder::prepare() {
  direct_ = started_ && !current_.oversized() && missing() > buffer_.size();
  if (direct_) {
    std::string& payload = current_.payload;
    if (payload.size() == received_) {
      const std::size_t wanted = std::max(first_storage, 2 * received_);
      payload.resize(std::min<std::size_t>(wanted, current_.header.length));
    }
    return {payload.data() + received_, payload.size() - received_};
  }
  // Less than a header is left here, so moving it costs nothing.
  std::memmove(buffer_.data(), buffer_.data() + begin_, buffered());
  end_ = buffered();
  begin_ = 0;
  return {buffer_.data() + end_, buffer_.size() - end_};
}

void message_decoder::commit(std::size_t n) {
  (direct_ ? received_ : end_) += n;
}

std::optional<message> message_decoder::next() {
  if (!started_ && !start_message()) {
    return std::nullopt;
  }
  take_buffered();
  if (missing() != 0) {
    return std::nullopt;
  }
  started_ = false;
  received_ = 0;
  return std::exchange(current_, {});
}

bool message_decoder::start_message() {
  if (buffered() < frame_header_size) {
    return false;
  }
  const std::span<const char, frame_header_size> bytes(buffer_.data() + begin_, frame_header_size);
  current_.header = decode_header(bytes);
  started_ = true;
  begin_ += frame_header_size;
  return true;
}

void message_decoder::take_buffered() {
  const std::size_t n = std::min(buffered(), missing());
  if (!current_.oversized()) {
    // Storage beyond received_ belongs to prepare(); here the message grows by the bytes available.
    current_.payload.resize(std::max(current_.payload.size(), received_ + n));
    std::memcpy(current_.payload.data() + received_, buffer_.data() + begin_, n);
  }
  begin_ += n;
  received_ += n;
}

}  // namespace ttrpc
