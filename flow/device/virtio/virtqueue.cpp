#include "flow/device/virtio/virtqueue.hpp"

#include <array>
#include <atomic>
#include <bit>

#include "flow/device/limits.hpp"
#include "flow/device/virtio/linux_virtio.hpp"

namespace flow::device {
namespace {

static_assert(std::endian::native == std::endian::little, "virtio 1 is little-endian");

// A buffer that spans two regions needs one more part; there are few regions.
constexpr std::size_t parts_capacity = max_queue_size + 64;

constexpr std::size_t index_offset = 2;       // in both rings, behind the flags
constexpr std::size_t ring_offset = 4;        // in both rings, behind the index
constexpr std::size_t available_entry = 2;    // bytes
constexpr std::size_t used_entry = 8;         // bytes
constexpr std::size_t descriptor_entry = 16;  // bytes
constexpr std::size_t event_size = 2;         // behind the last entry of both rings

std::uint16_t load(const std::byte* at, std::memory_order order) noexcept {
  // atomic_ref does not accept const; this only reads.
  auto& field = *reinterpret_cast<std::uint16_t*>(const_cast<std::byte*>(at));
  return std::atomic_ref(field).load(order);
}

void store(std::byte* at, std::uint16_t value, std::memory_order order) noexcept {
  std::atomic_ref(*reinterpret_cast<std::uint16_t*>(at)).store(value, order);
}

bool aligned(const std::byte* at, std::size_t to) noexcept {
  return (reinterpret_cast<std::uintptr_t>(at) & (to - 1)) == 0;
}

}  // namespace

struct virtqueue::descriptor {
  std::uint64_t address;
  std::uint32_t length;
  std::uint16_t flags;
  std::uint16_t next;
};

virtqueue::virtqueue(const guest_memory& memory, std::uint16_t size, std::uint16_t base,
                     bool event_index)
    : memory_(&memory), size_(size), event_index_(event_index), next_(base), known_(base) {
  parts_.reserve(parts_capacity);
}

result<virtqueue> virtqueue::create(const guest_memory& memory, std::uint16_t size,
                                    const ring_addresses& addresses, std::uint16_t base,
                                    bool event_index) {
  if (!std::has_single_bit(size) || size > max_queue_size) {
    return error(errc::protocol, "virtqueue: invalid size");
  }
  virtqueue queue(memory, size, base, event_index);
  if (auto found = queue.relocate(addresses); !found) {
    return found.error();
  }
  queue.used_index_ = load(queue.used_ + index_offset, std::memory_order_relaxed);
  queue.published_ = queue.used_index_;
  return queue;
}

result<> virtqueue::relocate(const ring_addresses& addresses) {
  auto* const descriptors =
      memory_->at_user(addresses.descriptors, std::size_t{size_} * descriptor_entry);
  auto* const available = memory_->at_user(
      addresses.available, ring_offset + std::size_t{size_} * available_entry + event_size);
  auto* const used =
      memory_->at_user(addresses.used, ring_offset + std::size_t{size_} * used_entry + event_size);
  if (descriptors == nullptr || available == nullptr || used == nullptr) {
    return error(errc::protocol, "virtqueue: ring outside guest memory");
  }
  if (!aligned(descriptors, VRING_DESC_ALIGN_SIZE) || !aligned(available, VRING_AVAIL_ALIGN_SIZE) ||
      !aligned(used, VRING_USED_ALIGN_SIZE)) {
    return error(errc::protocol, "virtqueue: ring not aligned");
  }
  descriptors_ = descriptors;
  available_ = available;
  used_ = used;
  return {};
}

virtqueue::status virtqueue::violated(const char* what) noexcept {
  violation_ = what;
  return status::violation;
}

std::uint16_t virtqueue::available_index() const noexcept {
  // Acquire: the entries up to the index were written before it.
  return load(available_ + index_offset, std::memory_order_acquire);
}

bool virtqueue::has_available() const noexcept {
  return next_ != available_index();
}

virtqueue::descriptor virtqueue::read_descriptor(std::uint16_t index) const noexcept {
  descriptor d{};
  static_assert(sizeof d == descriptor_entry);
  copy_from_guest(&d, descriptors_ + std::size_t{index} * descriptor_entry, sizeof d);
  return d;
}

// Whether an entry is available.
virtqueue::status virtqueue::look() noexcept {
  if (next_ == known_) {
    known_ = available_index();
    const auto count = static_cast<std::uint16_t>(known_ - next_);
    if (count > size_) {
      known_ = next_;
      return violated("available index jumped");
    }
  }
  return next_ == known_ ? status::empty : status::chain;
}

virtqueue::status virtqueue::append(const descriptor& d) {
  std::uint64_t address = d.address;
  std::uint64_t left = d.length;
  while (left != 0) {
    const auto part = memory_->at(address, left);
    if (part.empty()) {
      return violated("descriptor outside guest memory");
    }
    if (parts_.size() == parts_.capacity()) {
      return held_ != 0 ? status::full : violated("chain has too many pieces");
    }
    parts_.push_back({part.data(), part.size()});
    address += part.size();
    left -= part.size();
  }
  return status::chain;
}

virtqueue::status virtqueue::next(descriptor_chain& chain) {
  if (violation_ != nullptr) {
    return status::violation;
  }
  if (const auto there = look(); there != status::chain) {
    return there;
  }
  if (held_ == 0) {
    parts_.clear();
  }
  chain = {};
  const std::size_t first = parts_.size();
  std::size_t writable_from = 0;
  bool writable = false;
  const std::size_t entry = next_ & (size_ - 1U);
  chain.head = load(available_ + ring_offset + entry * available_entry, std::memory_order_relaxed);
  std::uint16_t index = chain.head;
  for (std::uint16_t count = 0;; ++count) {
    if (count == size_) {
      return violated("chain longer than the queue");
    }
    if (index >= size_) {
      return violated("descriptor index out of range");
    }
    const auto d = read_descriptor(index);
    if ((d.flags & ~(VRING_DESC_F_NEXT | VRING_DESC_F_WRITE)) != 0) {
      return violated("descriptor flag not negotiated");
    }
    if (d.length == 0) {
      return violated("empty descriptor");
    }
    const bool is_writable = (d.flags & VRING_DESC_F_WRITE) != 0;
    if (writable && !is_writable) {
      return violated("readable descriptor after a writable one");
    }
    if (is_writable && !writable) {
      writable = true;
      writable_from = parts_.size();
    }
    if (const auto added = append(d); added != status::chain) {
      parts_.resize(first);
      return added;
    }
    (is_writable ? chain.writable_bytes : chain.readable_bytes) += d.length;
    if ((d.flags & VRING_DESC_F_NEXT) == 0) {
      break;
    }
    index = d.next;
  }
  const std::span parts(parts_);
  const std::size_t split = writable ? writable_from : parts_.size();
  chain.readable = parts.subspan(first, split - first);
  chain.writable = parts.subspan(split);
  ++next_;
  ++held_;
  return status::chain;
}

void virtqueue::rewind() noexcept {
  next_ = static_cast<std::uint16_t>(next_ - held_);
  held_ = 0;
}

void virtqueue::complete(std::uint16_t head, std::uint32_t written) noexcept {
  const std::size_t entry = used_index_ & (size_ - 1U);
  const std::array<std::uint32_t, 2> element{head, written};
  static_assert(sizeof element == used_entry);
  std::memcpy(used_ + ring_offset + entry * used_entry, element.data(), sizeof element);
  ++used_index_;
  --held_;
}

bool virtqueue::publish() noexcept {
  if (published_ == used_index_) {
    return false;
  }
  const std::uint16_t before = published_;
  // Release: the entries below the index are written before it.
  store(used_ + index_offset, used_index_, std::memory_order_release);
  published_ = used_index_;
  // The driver's request is read after the index is visible; otherwise both sides could miss
  // each other.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (event_index_) {
    const auto wanted = load(available_ + ring_offset + std::size_t{size_} * available_entry,
                             std::memory_order_relaxed);
    return vring_need_event(wanted, used_index_, before) != 0;
  }
  return (load(available_, std::memory_order_relaxed) & VRING_AVAIL_F_NO_INTERRUPT) == 0;
}

void virtqueue::enable_notification() noexcept {
  if (event_index_) {
    store(used_ + ring_offset + std::size_t{size_} * used_entry, next_, std::memory_order_relaxed);
  } else {
    store(used_, 0, std::memory_order_relaxed);
  }
  // Must be visible before the caller checks again.
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void virtqueue::disable_notification() noexcept {
  // With the event index, one notification satisfies a request.
  if (!event_index_) {
    store(used_, VRING_USED_F_NO_NOTIFY, std::memory_order_relaxed);
  }
}

}  // namespace flow::device
