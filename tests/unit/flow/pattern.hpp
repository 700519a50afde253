// The bytes that tests send: each differs from its neighbours, and from those at other offsets.
#pragma once

#include <cstddef>
#include <string>

namespace tests {

inline std::string pattern(std::size_t size, std::size_t offset = 0) {
  std::string s(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    s[i] = static_cast<char>(((i + offset) * 7 + 13) % 251);
  }
  return s;
}

}  // namespace tests
