// Copies and cuts a list of memory pieces that together form one buffer of the guest.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>

namespace flow::device {

// Copies the first `length` bytes of `parts`, which have at least that many, out of guest memory.
void copy_out(std::span<const iovec> parts, void* to, std::size_t length) noexcept;

// Copies `length` bytes to the start of `parts`, which have room for them.
void copy_in(std::span<const iovec> parts, const void* from, std::size_t length) noexcept;

// Removes the first `count` bytes of `parts`, which have at least that many.
void drop_front(std::span<iovec>& parts, std::size_t count) noexcept;

// Keeps only the first `count` bytes of `parts`, which have at least that many.
void keep_front(std::span<iovec>& parts, std::size_t count) noexcept;

}  // namespace flow::device
