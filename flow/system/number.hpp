// Parses numbers.
#pragma once

#include <charconv>
#include <concepts>
#include <limits>
#include <optional>
#include <string_view>

namespace flow {

// The number that all of `text` represents, if it is within least ... most. Digits only, after a
// '-' if Number is signed: no space, no '+', no prefix.
template <std::integral Number>
std::optional<Number> parse_number(std::string_view text,
                                   Number least = std::numeric_limits<Number>::min(),
                                   Number most = std::numeric_limits<Number>::max(),
                                   int base = 10) {
  Number value{};
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  const auto [parsed, failure] = std::from_chars(begin, end, value, base);
  if (failure != std::errc() || parsed != end || value < least || value > most) {
    return std::nullopt;
  }
  return value;
}

}  // namespace flow
