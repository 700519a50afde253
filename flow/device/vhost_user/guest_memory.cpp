#include "flow/device/vhost_user/guest_memory.hpp"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

namespace flow::device {
namespace {

constexpr std::uint64_t page_size = 4096;

bool wraps(std::uint64_t start, std::uint64_t length) {
  return length > std::numeric_limits<std::uint64_t>::max() - start;
}

bool overlap(std::uint64_t a, std::uint64_t a_size, std::uint64_t b, std::uint64_t b_size) {
  return a < b + b_size && b < a + a_size;
}

bool valid(std::span<const memory_region> regions) {
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const auto& r = regions[i];
    // Whole pages on all sides, so that an address has the same alignment here and there.
    if (((r.guest_address | r.user_address | r.mmap_offset | r.size) & (page_size - 1)) != 0) {
      return false;
    }
    if (r.size == 0 || wraps(r.guest_address, r.size) || wraps(r.user_address, r.size) ||
        wraps(r.mmap_offset, r.size)) {
      return false;
    }
    for (const auto& other : regions.first(i)) {
      if (overlap(r.guest_address, r.size, other.guest_address, other.size) ||
          overlap(r.user_address, r.size, other.user_address, other.size)) {
        return false;
      }
    }
  }
  return true;
}

}  // namespace

guest_memory::mapping::mapping(mapping&& other) noexcept
    : base_(std::exchange(other.base_, nullptr)), length_(other.length_) {}

guest_memory::mapping& guest_memory::mapping::operator=(mapping&& other) noexcept {
  std::swap(base_, other.base_);
  std::swap(length_, other.length_);
  return *this;
}

guest_memory::mapping::~mapping() {
  if (base_ != nullptr) {
    ::munmap(base_, length_);
  }
}

result<guest_memory> guest_memory::map(std::span<const memory_region> regions,
                                       std::span<const unique_fd> descriptors) {
  if (regions.size() != descriptors.size()) {
    return error(errc::protocol, "memory table: one descriptor per region is needed");
  }
  if (!valid(regions)) {
    return error(errc::protocol, "memory table: empty, unaligned, wrapping or overlapping region");
  }
  guest_memory memory;
  for (std::size_t i = 0; i < regions.size(); ++i) {
    auto one = map_one(regions[i], descriptors[i].get());
    if (!one) {
      return one.error().in("memory table");
    }
    memory.regions_.push_back(std::move(*one));
  }
  return memory;
}

result<guest_memory::region> guest_memory::map_one(const memory_region& where, int fd) {
  // Not fstat(3): the C library turns it into a call that takes a path, which the
  // confinement forbids.
  struct stat status{};
  if (::syscall(SYS_fstat, fd, &status) != 0) {
    return system_error("fstat");
  }
  // Accessing memory beyond the end of the file would raise SIGBUS.
  if (!S_ISREG(status.st_mode) ||
      where.mmap_offset + where.size > static_cast<std::uint64_t>(status.st_size)) {
    return error(errc::protocol, "region exceeds its descriptor");
  }
  // A mapping of huge pages must start and end on a page boundary; their size is the block size.
  const auto block = std::max(page_size, static_cast<std::uint64_t>(status.st_blksize));
  if (!std::has_single_bit(block)) {
    return error(errc::protocol, "unsupported page size");
  }
  const std::uint64_t offset = where.mmap_offset & ~(block - 1);
  const std::uint64_t before = where.mmap_offset - offset;
  if (wraps(before + where.size, block)) {
    return error(errc::protocol, "invalid region size");
  }
  const auto length = static_cast<std::size_t>((before + where.size + block - 1) & ~(block - 1));
  void* base = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd,
                      static_cast<off_t>(offset));
  if (base == MAP_FAILED) {
    return system_error("mmap");
  }
  auto* bytes = static_cast<std::byte*>(base);
  return region{where, bytes + before, mapping(bytes, length)};
}

std::span<std::byte> guest_memory::at(std::uint64_t address, std::uint64_t length) const noexcept {
  for (const auto& r : regions_) {
    if (address >= r.where.guest_address && address - r.where.guest_address < r.where.size) {
      const std::uint64_t offset = address - r.where.guest_address;
      return {r.start + offset, static_cast<std::size_t>(std::min(length, r.where.size - offset))};
    }
  }
  return {};
}

std::byte* guest_memory::at_user(std::uint64_t address, std::uint64_t length) const noexcept {
  for (const auto& r : regions_) {
    if (address >= r.where.user_address && address - r.where.user_address < r.where.size) {
      const std::uint64_t offset = address - r.where.user_address;
      return length <= r.where.size - offset ? r.start + offset : nullptr;
    }
  }
  return nullptr;
}

}  // namespace flow::device
