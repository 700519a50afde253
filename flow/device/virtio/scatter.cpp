#include "flow/device/virtio/scatter.hpp"

#include <algorithm>
#include <cstring>

#include "flow/device/vhost_user/guest_memory.hpp"

namespace flow::device {

void copy_out(std::span<const iovec> parts, void* to, std::size_t length) noexcept {
  auto* out = static_cast<std::byte*>(to);
  for (const auto& part : parts) {
    const std::size_t n = std::min(length, part.iov_len);
    copy_from_guest(out, static_cast<const std::byte*>(part.iov_base), n);
    out += n;
    length -= n;
    if (length == 0) {
      return;
    }
  }
}

void copy_in(std::span<const iovec> parts, const void* from, std::size_t length) noexcept {
  const auto* in = static_cast<const std::byte*>(from);
  for (const auto& part : parts) {
    const std::size_t n = std::min(length, part.iov_len);
    std::memcpy(part.iov_base, in, n);
    in += n;
    length -= n;
    if (length == 0) {
      return;
    }
  }
}

void drop_front(std::span<iovec>& parts, std::size_t count) noexcept {
  while (count != 0) {
    auto& part = parts.front();
    if (count < part.iov_len) {
      part.iov_base = static_cast<std::byte*>(part.iov_base) + count;
      part.iov_len -= count;
      return;
    }
    count -= part.iov_len;
    parts = parts.subspan(1);
  }
}

void keep_front(std::span<iovec>& parts, std::size_t count) noexcept {
  std::size_t used = 0;
  while (count != 0) {
    auto& part = parts[used++];
    part.iov_len = std::min(part.iov_len, count);
    count -= part.iov_len;
  }
  parts = parts.first(used);
}

}  // namespace flow::device
