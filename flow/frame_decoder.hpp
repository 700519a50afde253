// Finds the frames in a stream of bytes that arrives in pieces of any size. No I/O, no
// allocation: payloads are returned in place, piece by piece, so a length only determines how
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
    failure,  // failure() has the reason; every further call returns the same
  };

  struct item {
    item_type type = item_type::none;
    std::span<std::byte> payload;  // points into the input
    frame_code code = frame_code::close;
  };

  // A Data frame longer than `max_frame` is errc::frame_too_large.
  explicit frame_decoder(std::uint32_t max_frame) noexcept : max_frame_(max_frame) {}

  // Takes the next item off the front of `input`. Skips Data frames without payload.
  item next(std::span<std::byte>& input) noexcept;

  // Returns the last `size` bytes of the most recent payload to the decoder: the next call yields
  // them again, from wherever its input has them.
  void take_back(std::size_t size) noexcept { payload_left_ += static_cast<std::uint32_t>(size); }

  // How much the current frame still lacks: payload or, if there is none, header. 4 missing bytes
  // of header mean that the input so far ended between two frames.
  std::uint32_t payload_left() const noexcept { return payload_left_; }
  std::size_t header_left() const noexcept { return frame_header_size - header_size_; }

  // The length of the most recently started Data frame, as a hint for the next.
  std::uint32_t last_length() const noexcept { return last_length_; }

  error_code failure() const noexcept { return failure_; }

 private:
  bool take_header(std::span<std::byte>& input) noexcept;
  item start_frame() noexcept;

  std::uint32_t max_frame_;
  std::uint32_t payload_left_ = 0;
  std::uint32_t last_length_ = 0;
  std::size_t header_size_ = 0;  // how many bytes of header_ are known
  frame_header header_{};
  error_code failure_;
};

}  // namespace flow
