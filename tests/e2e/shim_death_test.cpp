// The shim is killed at random moments: containerd's `delete` leaves nothing, and the next
// container works. HVSOCK_KILLS is the number of kills, HVSOCK_SEED the seed.
#include <csignal>
#include <random>

#include "tests/e2e/harness/environment.hpp"
#include "tests/e2e/harness/fixture.hpp"

using e2e::eventually;
using e2e::private_containerd;
using e2e::running_command;

namespace {

class ShimDeath : public e2e::ContainerdTest {
 protected:
  // Everything on the machine, without what containerd keeps of a container until it is removed.
  static std::set<std::string> state() {
    return e2e::machine_state(private_containerd::directory());
  }

  static bool kill_shim() {
    const auto pids = e2e::pids_of("containerd-shim-hvsock-v2", private_containerd::directory());
    for (const int pid : pids) {
      ::kill(pid, SIGKILL);
    }
    return !pids.empty();
  }
};

}  // namespace

TEST_F(ShimDeath, AtAnyMomentLeavesNothingAndTheNextContainerWorks) {
  const unsigned times = e2e::from_environment("HVSOCK_KILLS", 5);
  const unsigned seed = e2e::from_environment("HVSOCK_SEED", std::random_device()());
  std::printf("%u kills, HVSOCK_SEED=%u\n", times, seed);
  std::mt19937 chance(seed);
  // A life cycle: create, start, execs, kill, delete. Under emulation it takes some seconds.
  std::uniform_int_distribution<int> moment_ms(0, 6000);
  unsigned hits = 0;
  for (unsigned i = 0; i < times; ++i) {
    const auto before = state();
    const int moment = moment_ms(chance);
    SCOPED_TRACE("kill " + std::to_string(i) + " after " + std::to_string(moment) + " ms");
    running_command life({"sh", "-c",
                          "ctr() { command ctr --address $0 \"$@\"; }; ctr run -d --fifo-dir " +
                              scratch().string() + " --runtime " + e2e::runtime + " " + e2e::image +
                              " " + id() + " sh -c 'while :; do echo x; sleep 0.1; done'; " +
                              "ctr tasks exec --fifo-dir " + scratch().string() + " --exec-id e1 " +
                              id() + " true; ctr tasks kill -s SIGKILL " + id() +
                              "; ctr tasks rm " + id(),
                          private_containerd::directory() + "/containerd.sock"});
    // The moment is random; no result depends on it.
    eventually([limit = std::chrono::steady_clock::now() + std::chrono::milliseconds(moment)] {
      return std::chrono::steady_clock::now() >= limit;
    });
    hits += kill_shim() ? 1 : 0;
    life.finish();
    private_containerd::remove_all();
    std::string left;
    EXPECT_TRUE(eventually([&] {
      left.clear();
      for (const auto& one : state()) {
        left += before.contains(one) ? "" : "  " + one + "\n";
      }
      return left.empty();
    })) << "left behind:\n"
        << left;
    const auto next = e2e::ctr_run({"--rm"}, id(), {"echo", "works"});
    EXPECT_EQ(next.out, "works\n") << next.err;
    if (HasFailure()) {
      break;
    }
  }
  std::printf("%u of them met a shim\n", hits);
  EXPECT_GT(hits, 0U);
}
