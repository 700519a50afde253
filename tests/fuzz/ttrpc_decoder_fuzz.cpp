// The ttrpc decoder: however its input is cut, it finds the same messages, the correct ones, and
// holds no more than the protocol allows.
//
// Input: one byte that determines how the rest is cut, then the data of a peer.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "runtime_api/ttrpc/codec.hpp"

namespace {

using ttrpc::message;
using ttrpc::message_decoder;

void require(bool holds) {
  if (!holds) {
    __builtin_trap();
  }
}

// Takes the next message from the front of `bytes` without the decoder's help.
bool expect(std::string_view& bytes, const message& found) {
  if (bytes.size() < ttrpc::frame_header_size) {
    return false;
  }
  const auto header = ttrpc::decode_header(
      std::span<const char, ttrpc::frame_header_size>(bytes.data(), ttrpc::frame_header_size));
  bytes.remove_prefix(ttrpc::frame_header_size);
  if (bytes.size() < header.length || header.stream_id != found.header.stream_id ||
      header.type != found.header.type || header.flags != found.header.flags) {
    return false;
  }
  const bool fits = header.length <= ttrpc::max_message_length;
  const bool same = found.payload == (fits ? bytes.substr(0, header.length) : "");
  bytes.remove_prefix(header.length);
  return same;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) {
    return 0;
  }
  const std::size_t piece = data[0] == 0 ? size : data[0];
  std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string_view expected = input;
  message_decoder decoder;
  while (!input.empty()) {
    const auto room = decoder.prepare();
    require(!room.empty() && room.size() <= ttrpc::max_message_length);
    const std::size_t n = std::min({room.size(), input.size(), piece});
    std::memcpy(room.data(), input.data(), n);
    decoder.commit(n);
    input.remove_prefix(n);
    while (const auto found = decoder.next()) {
      require(expect(expected, *found));
    }
  }
  require(decoder.at_boundary() == expected.empty());
  return 0;
}
