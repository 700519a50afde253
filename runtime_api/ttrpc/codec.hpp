// Turns bytes into messages, incrementally and without I/O.
//
//   std::span<char> room = decoder.prepare();
//   decoder.commit(read(fd, room.data(), room.size()));
//   while (auto m = decoder.next()) { handle(std::move(*m)); }
//
// Memory: a fixed buffer of a few KiB, and the current message, whose storage grows with the bytes
// that have arrived, never with the announced length. A message above the limit is discarded as it
// arrives; it is reported after its last byte, so that decoding stays in step with the frames.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "runtime_api/ttrpc/frame.hpp"

namespace ttrpc {

struct message {
  frame_header header;
  std::string payload;  // header.length bytes, or none if oversized()

  bool oversized() const noexcept { return header.length > max_message_length; }
};

class message_decoder {
 public:
  // Space for the next bytes of the transport; never empty. Valid until the next call of any
  // function. Call only after next() has returned nothing.
  std::span<char> prepare();

  // Commits the first `n` bytes of the space that prepare() returned.
  void commit(std::size_t n);

  // The next complete message, or nothing until more bytes are committed.
  std::optional<message> next();

  // True between two messages, where a transport may end without loss.
  bool at_boundary() const noexcept { return !started_ && begin_ == end_; }

 private:
  std::size_t buffered() const noexcept { return end_ - begin_; }
  std::size_t missing() const noexcept { return current_.header.length - received_; }
  bool start_message();
  void take_buffered();

  std::array<char, 2048> buffer_;  // bytes [begin_, end_) are not parsed yet
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool started_ = false;  // the header of the current message has arrived
  message current_;
  std::size_t received_ = 0;  // bytes of the current message that have arrived
  bool direct_ = false;       // the last prepare() returned storage of the current message
};

}  // namespace ttrpc
