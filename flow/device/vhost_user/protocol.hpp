// The vhost-user protocol, as far as this device speaks it (QEMU: docs/interop/vhost-user.rst).
//
//   message := request: u32  flags: u32  size: u32  payload: size bytes     native byte order
//
// over a unix stream socket, with descriptors beside some requests. The front end (QEMU) asks, the
// back end (this) answers: always to GET requests, and with a u64 (0 = success) to any other one
// that carries need_reply once REPLY_ACK is agreed.
#pragma once

#include <cstddef>
#include <cstdint>

namespace flow::device::vhost_user {

enum class request : std::uint32_t {
  get_features = 1,
  set_features = 2,
  set_owner = 3,
  reset_owner = 4,
  set_mem_table = 5,
  set_vring_num = 8,
  set_vring_addr = 9,
  set_vring_base = 10,
  get_vring_base = 11,
  set_vring_kick = 12,
  set_vring_call = 13,
  set_vring_err = 14,
  get_protocol_features = 15,
  set_protocol_features = 16,
  set_vring_enable = 18,
  get_config = 24,
  set_config = 25,
};

struct header {
  std::uint32_t request;
  std::uint32_t flags;
  std::uint32_t size;
};
static_assert(sizeof(header) == 12);

inline constexpr std::uint32_t version_mask = 0x3;
inline constexpr std::uint32_t version = 0x1;
inline constexpr std::uint32_t flag_reply = 1U << 2U;
inline constexpr std::uint32_t flag_need_reply = 1U << 3U;

// Virtio feature bit: vhost-user has protocol features.
inline constexpr unsigned feature_protocol_features = 30;

// Protocol feature bits.
inline constexpr unsigned protocol_reply_ack = 3;
inline constexpr unsigned protocol_config = 9;

// SET_VRING_{KICK,CALL,ERR}: the ring's index, and the flag "no descriptor is attached".
inline constexpr std::uint64_t vring_index_mask = 0xff;
inline constexpr std::uint64_t vring_no_descriptor = 1U << 8U;

// SET_MEM_TABLE: this, then as many memory_region (guest_memory.hpp).
struct memory_table {
  std::uint32_t count;
  std::uint32_t padding;
};
inline constexpr std::size_t max_regions = 8;

// {GET,SET}_VRING_*: struct vhost_vring_state and vhost_vring_addr of <linux/vhost_types.h>.

// {GET,SET}_CONFIG: this, then `size` bytes of the configuration space.
struct config {
  std::uint32_t offset;
  std::uint32_t size;
  std::uint32_t flags;
};
static_assert(sizeof(config) == 12);
inline constexpr std::size_t max_config = 256;

}  // namespace flow::device::vhost_user
