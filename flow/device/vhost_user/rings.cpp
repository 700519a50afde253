// The requests that set up one ring, and the resulting start and stop of the device.
#include <fcntl.h>

#include <bit>
#include <cstring>
#include <limits>

#include "flow/device/limits.hpp"
#include "flow/device/vhost_user/backend.hpp"
#include "flow/device/virtio/linux_virtio.hpp"

namespace flow::device {
namespace {

vhost_vring_state read_state(const vhost_user_message& m) {
  vhost_vring_state s{};
  std::memcpy(&s, m.payload.data(), sizeof s);
  return s;
}

// QEMU's event descriptors already are non-blocking. A blocking one could stop us when it is full.
bool make_non_blocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  return flags >= 0 && ((flags & O_NONBLOCK) != 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
}

}  // namespace

result<vring*> vhost_user_backend::ring(std::uint32_t index, bool must_be_stopped) {
  if (index >= ring_count) {
    return error(errc::protocol, "no such ring");
  }
  auto& r = rings_[index];
  if (must_be_stopped && r.queue) {
    return error(errc::protocol, "the ring is running");
  }
  return &r;
}

result<> vhost_user_backend::set_vring_num(const vhost_user_message& m) {
  const auto s = read_state(m);
  auto r = ring(s.index, true);
  if (!r) {
    return r.error();
  }
  if (s.num > max_queue_size || !std::has_single_bit(s.num)) {
    return error(errc::protocol, "invalid queue size");
  }
  (*r)->size = static_cast<std::uint16_t>(s.num);
  return {};
}

result<> vhost_user_backend::set_vring_addresses(const vhost_user_message& m) {
  vhost_vring_addr a{};
  std::memcpy(&a, m.payload.data(), sizeof a);
  auto r = ring(a.index, true);
  if (!r) {
    return r.error();
  }
  if (a.flags != 0) {
    return error(errc::unsupported, "dirty logging was not agreed");
  }
  (*r)->addresses = {a.desc_user_addr, a.avail_user_addr, a.used_user_addr};
  (*r)->located = true;
  return {};
}

result<> vhost_user_backend::set_vring_base(const vhost_user_message& m) {
  const auto s = read_state(m);
  auto r = ring(s.index, true);
  if (!r) {
    return r.error();
  }
  if (s.num > std::numeric_limits<std::uint16_t>::max()) {
    return error(errc::protocol, "invalid ring base");
  }
  (*r)->base = static_cast<std::uint16_t>(s.num);
  return {};
}

// Also stops the ring, until it gets a new kick descriptor.
result<> vhost_user_backend::get_vring_base(const vhost_user_message& m) {
  auto s = read_state(m);
  auto r = ring(s.index, false);
  if (!r) {
    return r.error();
  }
  stop_device();
  broken_ = false;
  (*r)->kick_watch.reset();
  (*r)->kick.reset();
  s.num = (*r)->base;
  return channel_.reply(m, std::as_bytes(std::span(&s, 1)));
}

result<> vhost_user_backend::set_vring_enable(const vhost_user_message& m) {
  const auto s = read_state(m);
  auto r = ring(s.index, false);
  if (!r) {
    return r.error();
  }
  if (s.num > 1) {
    return error(errc::protocol, "ring enable is neither 0 nor 1");
  }
  (*r)->enabled = s.num == 1;
  if (!(*r)->enabled) {
    stop_device();
  }
  start_device_if_ready();
  return {};
}

result<> vhost_user_backend::set_vring_descriptor(vhost_user_message& m) {
  std::uint64_t word = 0;
  std::memcpy(&word, m.payload.data(), sizeof word);
  const bool absent = (word & vhost_user::vring_no_descriptor) != 0;
  if ((word & ~(vhost_user::vring_index_mask | vhost_user::vring_no_descriptor)) != 0 ||
      m.descriptors.size() != (absent ? 0U : 1U)) {
    return error(errc::protocol, "descriptor missing or not announced");
  }
  auto found = ring(static_cast<std::uint32_t>(word & vhost_user::vring_index_mask), false);
  if (!found) {
    return found.error();
  }
  auto& r = **found;
  auto fd = absent ? unique_fd() : std::move(m.descriptors.front());
  if (static_cast<vhost_user::request>(m.header.request) == vhost_user::request::set_vring_kick) {
    return set_kick(r, std::move(fd));
  }
  if (!absent && !make_non_blocking(fd.get())) {
    return system_error("event descriptor");
  }
  const bool is_call =
      static_cast<vhost_user::request>(m.header.request) == vhost_user::request::set_vring_call;
  (is_call ? r.call : r.error) = std::move(fd);
  return {};
}

result<> vhost_user_backend::set_kick(vring& r, unique_fd fd) {
  if (!fd) {
    return error(errc::unsupported, "polling a ring");
  }
  r.kick_watch.reset();
  r.kick = std::move(fd);
  // Edge-triggered and never read: every kick is an edge, and a read could block on a descriptor
  // that others read as well. The turn's work checks both rings, whichever was kicked.
  auto watch = loop_.add(r.kick.get(), EPOLLIN | EPOLLET, [](std::uint32_t) {});
  if (!watch) {
    r.kick.reset();
    return watch.error().in("kick descriptor");
  }
  r.kick_watch = std::move(*watch);
  start_device_if_ready();
  return {};
}

// Called after the memory has been remapped.
result<> vhost_user_backend::relocate_rings() {
  for (auto& r : rings_) {
    if (r.queue) {
      if (auto found = r.queue->relocate(r.addresses); !found) {
        device_.fail("memory table", found.error().message());
        return found.error();
      }
    }
  }
  return {};
}

void vhost_user_backend::start_device_if_ready() {
  auto& receive = rings_[receive_ring];
  auto& transmit = rings_[transmit_ring];
  if (device_.running() || broken_ || !receive.ready() || !transmit.ready()) {
    return;
  }
  const bool event_index = (features_ & (std::uint64_t{1} << VIRTIO_RING_F_EVENT_IDX)) != 0;
  for (auto& r : rings_) {
    auto queue = virtqueue::create(memory_, r.size, r.addresses, r.base, event_index);
    if (!queue) {
      // The guest chooses the addresses: a mistake is the guest's, not the front end's.
      receive.queue.reset();
      device_.fail("driver", queue.error().message());
      return;
    }
    r.queue = std::make_unique<virtqueue>(std::move(*queue));
  }
  device_.start(receive, transmit);
}

void vhost_user_backend::stop_device() {
  device_.stop();
}

void vhost_user_backend::device_broken() {
  broken_ = true;
  for (auto& r : rings_) {
    signal_event(r.error);
  }
}

}  // namespace flow::device
