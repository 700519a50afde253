// Reading text piece by piece.
#pragma once

#include <algorithm>
#include <string_view>

namespace flow {

// Cuts `text` up to the next `separator` off its front, and the separator with it; without one, all
// of it.
inline std::string_view split_front(std::string_view& text, char separator) {
  const auto part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

}  // namespace flow
