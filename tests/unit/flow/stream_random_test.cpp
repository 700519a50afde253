// Random sequences of operations and faults on two streams (random_session.hpp). To repeat a failed
// one, with a trace of all its events:
//   HVSOCK_SEED=12345 bin/flow_random_test
// To run other than the default ones: HVSOCK_FIRST_SEED=1000000 bin/flow_random_test
#include <gtest/gtest.h>

#include <cstdlib>
#include <limits>
#include <optional>

#include "tests/support/sanitized.hpp"
#include "tests/unit/flow/random_session.hpp"

namespace {

using tests::random_session;

constexpr std::uint64_t shards = 10;
constexpr std::uint64_t sequences_per_shard = tests::sanitized ? 1'500 : 15'000;

std::optional<std::uint64_t> number_from(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) {
    return std::nullopt;
  }
  return std::strtoull(text, nullptr, 10);
}

std::string lines(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) {
    all += "  " + text + "\n";
  }
  return all;
}

// The shortest prefix of the sequence that also fails: the steps after it do not matter.
std::size_t fewest_steps(std::uint64_t seed, std::size_t steps) {
  for (std::size_t n = 0; n < steps; ++n) {
    random_session session(seed, n);
    session.run();
    if (!session.objections().empty()) {
      return n;
    }
  }
  return steps;
}

// False if it failed.
bool run(std::uint64_t seed) {
  random_session session(seed, std::numeric_limits<std::size_t>::max());
  session.run();
  if (session.objections().empty()) {
    return true;
  }
  random_session shortest(seed, fewest_steps(seed, session.steps()));
  shortest.run();
  ADD_FAILURE() << "HVSOCK_SEED=" << seed << " fails:\n"
                << lines(session.objections()) << "and after its first " << shortest.steps()
                << " steps:\n"
                << lines(shortest.trace());
  return false;
}

using StreamRandom = testing::TestWithParam<std::uint64_t>;

TEST_P(StreamRandom, WhateverHappensDeliversInOrderWithTheRightResultAndNobodyHangs) {
  if (const auto seed = number_from("HVSOCK_SEED")) {
    random_session session(*seed, std::numeric_limits<std::size_t>::max());
    session.run();
    EXPECT_TRUE(session.objections().empty()) << lines(session.trace());
    return;
  }
  const std::uint64_t first = number_from("HVSOCK_FIRST_SEED").value_or(1);
  for (std::uint64_t i = 0; i < sequences_per_shard; ++i) {
    if (!run(first + GetParam() * sequences_per_shard + i)) {
      return;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shard, StreamRandom, testing::Range<std::uint64_t>(0, shards));

}  // namespace
