// The guest's memory as the front end shares it: every access to it goes through this class.
//
// An address is only translated together with a length, and the result lies within one mapped
// region. The guest may change the contents at any moment, so each field is read once into a local
// (copy_from_guest) and only the local is checked.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "flow/error.hpp"
#include "flow/unique_fd.hpp"

namespace flow::device {

// One region of vhost-user's SET_MEM_TABLE, in its wire layout.
struct memory_region {
  std::uint64_t guest_address;  // as the guest sees it
  std::uint64_t size;           // bytes
  std::uint64_t user_address;   // as the front end sees it; ring addresses are of this kind
  std::uint64_t mmap_offset;    // where the region starts in its descriptor
};

class guest_memory {
 public:
  // Memory without regions: nothing can be translated.
  guest_memory() = default;
  guest_memory(guest_memory&&) noexcept = default;
  guest_memory& operator=(guest_memory&&) noexcept = default;
  guest_memory(const guest_memory&) = delete;
  guest_memory& operator=(const guest_memory&) = delete;

  // Maps regions[i] from descriptors[i], one each; the descriptors are only needed during the
  // call. errc::protocol if a region is empty, not page-aligned, wraps, overlaps another, or
  // exceeds its descriptor.
  static result<guest_memory> map(std::span<const memory_region> regions,
                                  std::span<const unique_fd> descriptors);

  // The bytes at guest `address`, at most `length`: fewer if the region ends there, none if the
  // address is not memory. Valid until this object is destroyed or assigned to.
  std::span<std::byte> at(std::uint64_t address, std::uint64_t length) const noexcept;

  // All `length` bytes at the front end's `address`, or nullptr.
  std::byte* at_user(std::uint64_t address, std::uint64_t length) const noexcept;

 private:
  class mapping {
   public:
    mapping(std::byte* base, std::size_t length) noexcept : base_(base), length_(length) {}
    mapping(mapping&& other) noexcept;
    mapping& operator=(mapping&& other) noexcept;
    mapping(const mapping&) = delete;
    mapping& operator=(const mapping&) = delete;
    ~mapping();

   private:
    std::byte* base_;
    std::size_t length_;
  };
  struct region {
    memory_region where;
    std::byte* start;  // of where.size bytes
    mapping memory;
  };

  static result<region> map_one(const memory_region& where, int fd);

  std::vector<region> regions_;
};

// Copies bytes that the guest may be writing to. Check only the copy: the fence keeps the compiler
// from reading the original again.
inline void copy_from_guest(void* to, const std::byte* from, std::size_t length) noexcept {
  std::memcpy(to, from, length);
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace flow::device
