#include "flow/unique_handler.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>

namespace {

using handler = flow::unique_handler<void(int)>;

// Counts its instances; `Size` decides where it is held.
template <std::size_t Size>
struct counted {
  explicit counted(int* alive, int* sum) : alive_(alive), sum_(sum) { ++*alive_; }
  counted(counted&& other) noexcept : alive_(other.alive_), sum_(other.sum_) { ++*alive_; }
  counted& operator=(counted&&) = delete;
  ~counted() { --*alive_; }
  void operator()(int n) { *sum_ += n; }

  int* alive_;
  int* sum_;
  std::array<char, Size> filler{};
};

template <std::size_t Size>
void check_life() {
  int alive = 0;
  int sum = 0;
  {
    handler h(counted<Size>(&alive, &sum));
    EXPECT_EQ(alive, 1);
    handler moved(std::move(h));
    EXPECT_FALSE(h);  // NOLINT(bugprone-use-after-move)
    EXPECT_TRUE(static_cast<bool>(moved));
    handler assigned;
    assigned = std::move(moved);
    EXPECT_EQ(alive, 1);
    std::move(assigned)(5);
    EXPECT_FALSE(assigned);  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(alive, 0);
    EXPECT_EQ(sum, 5);

    handler replaced(counted<Size>(&alive, &sum));
    replaced = handler(counted<Size>(&alive, &sum));
    EXPECT_EQ(alive, 1);
    handler dropped(counted<Size>(&alive, &sum));
    dropped.reset();
    EXPECT_EQ(alive, 1);
  }
  EXPECT_EQ(alive, 0);
  EXPECT_EQ(sum, 5);
}

TEST(UniqueHandler, HoldsSmallHandlersInPlace) {
  check_life<1>();
}
TEST(UniqueHandler, HoldsLargeHandlersElsewhere) {
  check_life<1000>();
}

// An operation often starts the next one from its handler, into the same place.
TEST(UniqueHandler, IsEmptyWhileTheHandlerRuns) {
  handler slot;
  int calls = 0;
  slot = [&slot, &calls](int) {
    EXPECT_FALSE(slot);
    ++calls;
    slot = [&calls](int) { ++calls; };
  };
  std::move(slot)(1);
  std::move(slot)(2);  // NOLINT(bugprone-use-after-move): it was filled again
  EXPECT_EQ(calls, 2);
}

TEST(UniqueHandler, TakesHandlersThatOnlyMove) {
  int result = 0;
  handler h([p = std::make_unique<int>(4), &result](int n) { result = *p + n; });
  std::move(h)(3);
  EXPECT_EQ(result, 7);
}

}  // namespace
