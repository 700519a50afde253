#include "agent/session/entropy.hpp"

#include <gtest/gtest.h>
#include <sys/random.h>

#include <cerrno>

// What is added is random indeed: the generator is that of the machine that runs the tests. Only
// its administrator may add to it.
TEST(Entropy, OfAnyLengthIsTakenOrRefusedByTheKernel) {
  for (const std::size_t size : {1U, 2U, 3U, 31U, 32U, 255U, 256U, 257U, 4096U}) {
    std::string bytes(size, '\0');
    ASSERT_EQ(::getrandom(bytes.data(), size, 0), static_cast<ssize_t>(size));
    const auto added = agent::add_entropy(bytes);
    if (!added) {
      EXPECT_EQ(added.error().code().value(), EPERM) << added.error().message();
    }
  }
}

TEST(Entropy, OfNoLengthIsNothingToDo) {
  EXPECT_TRUE(agent::add_entropy(""));
}
