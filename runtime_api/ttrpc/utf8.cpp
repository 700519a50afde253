#include "runtime_api/ttrpc/utf8.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace ttrpc {
namespace {

// Properties of a character's first byte: how many bytes the character has, and which second bytes
// would make it an overlong form, a surrogate, or more than U+10FFFF.
struct form {
  std::uint8_t first_low, first_high, size, second_low, second_high;
};

constexpr std::array<form, 9> forms = {{
    {0x00, 0x7f, 1, 0, 0},
    {0xc2, 0xdf, 2, 0x80, 0xbf},
    {0xe0, 0xe0, 3, 0xa0, 0xbf},
    {0xe1, 0xec, 3, 0x80, 0xbf},
    {0xed, 0xed, 3, 0x80, 0x9f},
    {0xee, 0xef, 3, 0x80, 0xbf},
    {0xf0, 0xf0, 4, 0x90, 0xbf},
    {0xf1, 0xf3, 4, 0x80, 0xbf},
    {0xf4, 0xf4, 4, 0x80, 0x8f},
}};

bool between(char c, std::uint8_t low, std::uint8_t high) noexcept {
  const auto byte = static_cast<std::uint8_t>(c);
  return byte >= low && byte <= high;
}

// The size of the well-formed character at the front of `text`, or 0.
std::size_t character_size(std::string_view text) noexcept {
  const auto* const f = std::find_if(forms.begin(), forms.end(), [&](const form& candidate) {
    return between(text[0], candidate.first_low, candidate.first_high);
  });
  if (f == forms.end() || text.size() < f->size) {
    return 0;
  }
  for (std::size_t i = 1; i < f->size; ++i) {
    const bool second = i == 1;
    if (!between(text[i], second ? f->second_low : 0x80, second ? f->second_high : 0xbf)) {
      return 0;
    }
  }
  return f->size;
}

}  // namespace

std::string to_utf8(std::string_view text, std::size_t max_size) {
  std::string out;
  out.reserve(std::min(text.size(), max_size));
  while (!text.empty()) {
    const std::size_t n = character_size(text);
    const std::string_view next = n == 0 ? "?" : text.substr(0, n);
    if (out.size() + next.size() > max_size) {
      break;
    }
    out += next;
    text.remove_prefix(std::max<std::size_t>(n, 1));
  }
  return out;
}

}  // namespace ttrpc
