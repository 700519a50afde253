#include "runtime_api/ttrpc/frame.hpp"

namespace ttrpc {
namespace {

void put_u32(char* to, std::uint32_t value) noexcept {
  to[0] = static_cast<char>(value >> 24U);
  to[1] = static_cast<char>(value >> 16U);
  to[2] = static_cast<char>(value >> 8U);
  to[3] = static_cast<char>(value);
}

std::uint32_t get_u32(const char* from) noexcept {
  std::uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    value = (value << 8U) | static_cast<unsigned char>(from[i]);
  }
  return value;
}

}  // namespace

std::array<char, frame_header_size> encode_header(const frame_header& header) noexcept {
  std::array<char, frame_header_size> bytes{};
  put_u32(bytes.data(), header.length);
  put_u32(bytes.data() + 4, header.stream_id);
  bytes[8] = static_cast<char>(header.type);
  bytes[9] = static_cast<char>(header.flags);
  return bytes;
}

frame_header decode_header(std::span<const char, frame_header_size> bytes) noexcept {
  return {.length = get_u32(bytes.data()),
          .stream_id = get_u32(bytes.data() + 4),
          .type = static_cast<message_type>(bytes[8]),
          .flags = static_cast<std::uint8_t>(bytes[9])};
}

}  // namespace ttrpc
