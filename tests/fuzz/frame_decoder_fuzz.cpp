// Any bytes, cut anywhere, decode to the same items as in one piece, and the items stay inside
// the input.
//
// Input: one byte for the sizes of the pieces, one for the maximum frame, then the wire data.
#include <cstdlib>
#include <vector>

#include "flow/frame_decoder.hpp"

namespace {

using flow::frame_decoder;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

struct outcome {
  std::vector<std::byte> payload;
  std::vector<flow::frame_code> controls;
  std::vector<std::size_t> control_offsets;  // into the payload
  flow::error_code failure;
  friend bool operator==(const outcome&, const outcome&) = default;
};

outcome decode(std::span<const std::uint8_t> wire, std::size_t piece, std::uint32_t max_frame) {
  outcome o;
  frame_decoder d(max_frame);
  std::vector<std::byte> buffer;
  while (!wire.empty()) {
    const auto part = wire.first(std::min(piece, wire.size()));
    wire = wire.subspan(part.size());
    buffer.clear();
    for (const std::uint8_t b : part) {
      buffer.push_back(std::byte(b));
    }
    std::span<std::byte> input(buffer);
    for (;;) {
      const auto item = d.next(input);
      if (item.type == frame_decoder::item_type::none) {
        require(input.empty());
        break;
      }
      if (item.type == frame_decoder::item_type::failure) {
        o.failure = d.failure();
        require(static_cast<bool>(o.failure));
        return o;
      }
      if (item.type == frame_decoder::item_type::control) {
        o.controls.push_back(item.code);
        o.control_offsets.push_back(o.payload.size());
        continue;
      }
      require(!item.payload.empty() && item.payload.data() >= buffer.data() &&
              item.payload.data() + item.payload.size() <= buffer.data() + buffer.size());
      require(d.payload_left() < max_frame);
      o.payload.insert(o.payload.end(), item.payload.begin(), item.payload.end());
    }
  }
  return o;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) {
    return 0;
  }
  const std::span wire(data + 2, size - 2);
  const std::uint32_t max_frame = std::uint32_t{1} << (data[1] % 32U);
  const auto whole = decode(wire, size, max_frame);
  require(decode(wire, data[0] % 16U + 1U, max_frame) == whole);
  return 0;
}
