// Compares what is too long to be printed.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

namespace tests {

inline testing::AssertionResult same_bytes(std::string_view actual, std::string_view expected) {
  if (actual == expected) {
    return testing::AssertionSuccess();
  }
  const auto differ =
      std::mismatch(actual.begin(), actual.end(), expected.begin(), expected.end()).first;
  return testing::AssertionFailure() << actual.size() << " bytes instead of " << expected.size()
                                     << ", the same up to byte " << differ - actual.begin();
}

}  // namespace tests
