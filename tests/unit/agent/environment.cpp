// What the kernel and main() give the agent, given to the tests.
#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <csignal>

namespace {

class agent_environment final : public testing::Environment {
 public:
  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);
    // Inherits orphans, as pid 1 does.
    ASSERT_EQ(::prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  }
};

[[maybe_unused]] testing::Environment* const registered =
    testing::AddGlobalTestEnvironment(new agent_environment);

}  // namespace
