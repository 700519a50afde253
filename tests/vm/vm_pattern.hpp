// The bytes that both ends of a virtual machine test send, and the check that they arrived.
#pragma once

#include <cstddef>
#include <cstdint>

namespace vm_test {

// A stream in which no two parts are alike.
class pattern {
 public:
  void fill(char* to, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) {
      state_ = state_ * 1664525U + 1013904223U;
      to[i] = static_cast<char>(state_ >> 24U);
    }
  }

 private:
  std::uint32_t state_ = 1;
};

// FNV-1a, of any number of pieces in order.
struct checksum {
  std::uint64_t bytes = 0;
  std::uint64_t value = 0xcbf29ce484222325;

  void add(const char* data, std::size_t size) {
    bytes += size;
    for (std::size_t i = 0; i < size; ++i) {
      value = (value ^ static_cast<unsigned char>(data[i])) * 0x100000001b3;
    }
  }

  friend bool operator==(const checksum&, const checksum&) = default;
};

}  // namespace vm_test
