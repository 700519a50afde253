// The wire format of a stream: a sequence of frames, each a header of 4 bytes; the payload of a
// Data frame follows immediately. PROTOCOL.md describes it in full.
//
// A header is an unsigned 32-bit little-endian number. Three values are codes; any other is the
// payload length of a Data frame. There is no version field and no way to add one: a peer that does
// not know an extension reads every new code as a length.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace flow {

inline constexpr std::size_t frame_header_size = 4;

enum class frame_code : std::uint32_t {
  shutdown_read = 0xdeadbeef,   // "I will not read any more"
  shutdown_write = 0xbeefdead,  // "I will not write any more"
  close = 0xdeaddead,           // a request to close, and its acknowledgement
};

// The largest payload that every peer accepts: older ones read into a buffer of this size
// while closing.
inline constexpr std::uint32_t legacy_max_payload = 4096;

// The largest payload to agree on with a peer that uses this library: with its header it fills one
// 64 KiB virtio packet.
inline constexpr std::uint32_t agreed_max_payload = 65536 - frame_header_size;

// Values from here on are never lengths: the two older implementations read them as negative
// numbers, and all codes are in this range.
inline constexpr std::uint32_t invalid_length = 0x80000000;

using frame_header = std::array<std::byte, frame_header_size>;

constexpr frame_header encode_header(std::uint32_t value) noexcept {
  return {std::byte(value & 0xffU), std::byte((value >> 8U) & 0xffU),
          std::byte((value >> 16U) & 0xffU), std::byte(value >> 24U)};
}

constexpr std::uint32_t decode_header(const frame_header& h) noexcept {
  return std::to_integer<std::uint32_t>(h[0]) | std::to_integer<std::uint32_t>(h[1]) << 8U |
         std::to_integer<std::uint32_t>(h[2]) << 16U | std::to_integer<std::uint32_t>(h[3]) << 24U;
}

}  // namespace flow
