#include "flow/device/virtio/scatter.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace {

// "abcdefghij" in pieces of 3, 1, 4 and 2 bytes.
class Scatter : public ::testing::Test {
 protected:
  std::string text() const {
    std::string all;
    for (const auto& p : view) {
      all.append(static_cast<const char*>(p.iov_base), p.iov_len);
    }
    return all;
  }

  std::string bytes = "abcdefghij";
  std::array<iovec, 4> parts{
      {{bytes.data(), 3}, {bytes.data() + 3, 1}, {bytes.data() + 4, 4}, {bytes.data() + 8, 2}}};
  std::span<iovec> view{parts};
};

}  // namespace

TEST_F(Scatter, CopiesOutAcrossPieces) {
  for (std::size_t n = 0; n <= bytes.size(); ++n) {
    std::string got(n, '.');
    flow::device::copy_out(view, got.data(), n);
    EXPECT_EQ(got, bytes.substr(0, n));
  }
}

TEST_F(Scatter, CopiesInAcrossPieces) {
  const std::string upper = "ABCDEFGHIJ";
  for (std::size_t n = 0; n <= upper.size(); ++n) {
    bytes = "abcdefghij";
    flow::device::copy_in(view, upper.data(), n);
    EXPECT_EQ(bytes, upper.substr(0, n) + std::string("abcdefghij").substr(n));
  }
}

TEST_F(Scatter, DropsFromTheFront) {
  std::string left = bytes;
  for (const std::size_t n : {0U, 1U, 2U, 0U, 2U, 5U}) {
    flow::device::drop_front(view, n);
    left.erase(0, n);
    EXPECT_EQ(text(), left);
  }
  EXPECT_TRUE(view.empty());
}

TEST_F(Scatter, KeepsTheFront) {
  for (const std::size_t n : {10U, 9U, 8U, 5U, 4U, 3U, 1U, 0U}) {
    flow::device::keep_front(view, n);
    EXPECT_EQ(text(), bytes.substr(0, n));
  }
  EXPECT_TRUE(view.empty());
}
