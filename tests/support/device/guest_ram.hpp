// The memory of a simulated guest: a memfd in two regions with a hole between them, as a front end
// would share it.
#pragma once

#include <linux/memfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "flow/device/vhost_user/guest_memory.hpp"
#include "flow/unique_fd.hpp"

namespace tests {

class guest_ram {
 public:
  static constexpr std::uint64_t low_size = 1U << 20U;
  static constexpr std::uint64_t high_size = 16U << 20U;
  static constexpr std::uint64_t low = 0;
  static constexpr std::uint64_t high = 0x1'0000'0000;
  // The addresses at which the front end supposedly has mapped the two.
  static constexpr std::uint64_t low_user = 0x7f00'0000'0000;
  static constexpr std::uint64_t high_user = 0x7e00'0000'0000;

  guest_ram() : fd_(::memfd_create("guest", MFD_CLOEXEC)) {
    constexpr auto size = low_size + high_size;
    if (!fd_ || ::ftruncate(fd_.get(), off_t{size}) != 0) {
      throw std::runtime_error("no memory for the guest");
    }
    void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (at == MAP_FAILED) {
      throw std::runtime_error("no mapping for the guest");
    }
    base_ = static_cast<std::byte*>(at);
  }
  guest_ram(const guest_ram&) = delete;
  guest_ram& operator=(const guest_ram&) = delete;
  ~guest_ram() { ::munmap(base_, low_size + high_size); }

  int fd() const { return fd_.get(); }

  static std::array<flow::device::memory_region, 2> regions() {
    return {{{low, low_size, low_user, 0}, {high, high_size, high_user, low_size}}};
  }

  // The bytes at a guest address that is in one of the regions.
  std::byte* at(std::uint64_t address) const {
    return base_ + (address >= high ? low_size + (address - high) : address);
  }

  template <class T>
  void put(std::uint64_t address, const T& value) {
    std::memcpy(at(address), &value, sizeof value);
  }

  template <class T>
  T get(std::uint64_t address) const {
    T value;
    std::memcpy(&value, at(address), sizeof value);
    return value;
  }

 private:
  flow::unique_fd fd_;
  std::byte* base_ = nullptr;
};

}  // namespace tests
