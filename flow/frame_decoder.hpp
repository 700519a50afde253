// Finds the frames in a stream of bytes that arrives in pieces of any size. No I/O, no allocation:
// payloads are handed out where they lie, piece by piece, so a length decides about nothing but how
// much is passed on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "flow/error.hpp"
#include "flow/frame.hpp"

namespace flow {

class frame_decoder {
 public:
  enum class item_type {
    none,     // the input is used up
    payload,  // a piece of a Data frame's payload, never empty
    control,  // a frame without payload: `code`
    failure,  // failure() says what; the same again from every further call
  };

  struct item {
    item_type type = item_type::none;
    std::span<std::byte> payload;  // points into the input
    frame_code code = frame_code::close;
  };

  // Data above `max_frame` is errc::frame_too_large.
  explicit frame_decoder(std::uint32_t max_frame) noexcept : max_frame_(max_frame) {}

  // Takes the next item off the front of `input`. Data frames without payload are skipped.
  item next(std::span<std::byte>& input) noexcept;

  // Takes back the last `size` bytes of the payload handed out last: the next call hands them out
  // again, from wherever its input has them then.
  void take_back(std::size_t size) noexcept { payload_left_ += static_cast<std::uint32_t>(size); }

  // What the frame being decoded still lacks: payload, or if there is none, header. 4 missing bytes
  // of header mean that the input so far ended between two frames.
  std::uint32_t payload_left() const noexcept { return payload_left_; }
  std::size_t header_left() const noexcept { return frame_header_size - header_size_; }

  // The length of the last Data frame begun: what the next may look like.
  std::uint32_t last_length() const noexcept { return last_length_; }

  error_code failure() const noexcept { return failure_; }

 private:
  bool take_header(std::span<std::byte>& input) noexcept;
  item start_frame() noexcept;

  std::uint32_t max_frame_;
  std::uint32_t payload_left_ = 0;
  std::uint32_t last_length_ = 0;
  std::size_t header_size_ = 0;  // how much of header_ is known
  frame_header header_{};
  error_code failure_;
};

}  // namespace flow
