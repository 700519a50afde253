// The frame header of ttrpc: ten bytes in front of every message, integers big-endian.
//
//   length u32 | stream id u32 | type u8 | flags u8 | length bytes of message
//
// See ../PROTOCOL.md for what the types and flags mean.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ttrpc {

inline constexpr std::size_t frame_header_size = 10;

// The maximum length of a message in bytes, in either direction.
inline constexpr std::uint32_t max_message_length = 4U << 20U;

// The type is one byte on the wire; values without a name here are legal and ignored.
enum class message_type : std::uint8_t { request = 1, response = 2, data = 3 };

// Flags announce what the sender will still do.
inline constexpr std::uint8_t flag_remote_closed = 0x01;  // the sender sends no further data
inline constexpr std::uint8_t flag_remote_open = 0x02;    // request only: data will follow
inline constexpr std::uint8_t flag_no_data = 0x04;        // the frame has no message

struct frame_header {
  std::uint32_t length = 0;  // of the message alone
  std::uint32_t stream_id = 0;
  message_type type = message_type::request;
  std::uint8_t flags = 0;

  bool has(std::uint8_t flag) const noexcept { return (flags & flag) != 0; }
};

std::array<char, frame_header_size> encode_header(const frame_header& header) noexcept;

// Any ten bytes are a header; the reader decides what is acceptable.
frame_header decode_header(std::span<const char, frame_header_size> bytes) noexcept;

}  // namespace ttrpc
