// Reading text piece by piece.
#pragma once

#include <algorithm>
#include <string_view>

namespace flow {

// Removes the front of `text` up to and including the next `separator` and returns it without the
// separator; without a separator, all of it.
inline std::string_view split_front(std::string_view& text, char separator) {
  const auto part = text.substr(0, text.find(separator));
  text.remove_prefix(std::min(part.size() + 1, text.size()));
  return part;
}

}  // namespace flow
