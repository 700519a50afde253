// Pause, resume, metrics and limits, through ctr.
#include "tests/e2e/harness/fixture.hpp"

using e2e::ctr;
using e2e::ctr_run;

namespace {

class Resources : public e2e::ContainerdTest {
 protected:
  void expect_ok(const e2e::run_result& result) { EXPECT_EQ(result.status, 0) << result.err; }

  bool listed_as(const std::string& status) {
    const auto listed = ctr({"tasks", "ls"}).out;
    return listed.find(status) != std::string::npos;
  }
};

}  // namespace

TEST_F(Resources, TaskIsPausedAndResumed) {
  expect_ok(ctr_run({"-d"}, id(), {"sleep", "1000"}));
  expect_ok(ctr({"tasks", "pause", id()}));
  EXPECT_TRUE(listed_as("PAUSED"));
  const auto exec = ctr({"tasks", "exec", "--exec-id", "e1", id(), "true"});
  EXPECT_NE(exec.status, 0);
  EXPECT_NE(exec.err.find("cannot exec in a paused state"), std::string::npos) << exec.err;
  expect_ok(ctr({"tasks", "resume", id()}));
  EXPECT_TRUE(listed_as("RUNNING"));
  expect_ok(ctr({"tasks", "exec", "--exec-id", "e1", id(), "true"}));
}

TEST_F(Resources, MetricsAreThoseOfTheContainer) {
  expect_ok(ctr_run({"-d", "--memory-limit", "67108864"}, id(), {"sleep", "1000"}));
  const auto metrics = ctr({"tasks", "metrics", "--format", "json", id()});
  expect_ok(metrics);
  EXPECT_NE(metrics.out.find("\"usage_limit\": 67108864"), std::string::npos) << metrics.out;
  const auto table = ctr({"tasks", "metrics", id()});
  expect_ok(table);
  EXPECT_NE(table.out.find("pids.current"), std::string::npos) << table.out;
}

TEST_F(Resources, TaskThatNeedsMoreMemoryThanItMayHaveIsKilled) {
  EXPECT_EQ(ctr_run({"--rm", "--memory-limit", "16777216"}, id(), {"tail", "/dev/zero"}).status,
            137);
}

TEST_F(Resources, CheckpointIsNotImplemented) {
  expect_ok(ctr_run({"-d"}, id(), {"sleep", "1000"}));
  const auto result = ctr({"tasks", "checkpoint", id()});
  EXPECT_NE(result.status, 0);
  EXPECT_NE(result.err.find("checkpoint is not supported"), std::string::npos) << result.err;
  EXPECT_TRUE(listed_as("RUNNING"));
}
