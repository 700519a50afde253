// Many consecutive execs in one container: nothing grows, and the last is not slower than the
// first. HVSOCK_EXECS is their number.
#include <algorithm>
#include <chrono>
#include <csignal>

#include "flow/system/file.hpp"
#include "tests/e2e/harness/environment.hpp"
#include "tests/e2e/harness/fixture.hpp"

using e2e::ctr;
using e2e::private_containerd;

namespace {

class ExecStorm : public e2e::ContainerdTest {
 protected:
  // In seconds.
  double exec(unsigned number) {
    const auto begin = std::chrono::steady_clock::now();
    const auto result = ctr({"tasks", "exec", "--exec-id", "e" + std::to_string(number), id(), "sh",
                             "-c", "echo " + std::to_string(number) + "; exit 3"});
    EXPECT_EQ(result.status, 3) << result.err;
    EXPECT_EQ(result.out, std::to_string(number) + "\n");
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  }

  static int shim() {
    const auto pids = e2e::pids_of("containerd-shim-hvsock-v2", private_containerd::directory());
    // The placeholder processes run the same program.
    EXPECT_FALSE(pids.empty());
    return pids.empty() ? 0 : *pids.begin();
  }

  static std::size_t descriptors() {
    std::error_code ec;
    const std::filesystem::directory_iterator all("/proc/" + std::to_string(shim()) + "/fd", ec);
    return static_cast<std::size_t>(std::distance(all, std::filesystem::directory_iterator()));
  }

  static std::size_t shim_kib() {
    const auto text = flow::read_file("/proc/" + std::to_string(shim()) + "/smaps_rollup");
    EXPECT_TRUE(text) << text.error().message();
    const auto at = text ? text.value().find("Pss:") : std::string::npos;
    EXPECT_NE(at, std::string::npos);
    return std::stoul(text.value().substr(at + 4));
  }

  // The agent's own figures, from the shim's report.
  std::size_t agent_kib() {
    const auto position = private_containerd::log_since(0).size();
    ::kill(shim(), SIGUSR1);
    std::string said;
    const std::string key = "resident_bytes=";
    EXPECT_TRUE(e2e::eventually([&] {
      said = private_containerd::log_since(position);
      const auto at = said.find(key);
      return at != std::string::npos && said.find('\n', at) != std::string::npos;
    }));
    const auto at = said.find(key);
    return at == std::string::npos ? 0 : std::stoul(said.substr(at + key.size())) / 1024;
  }
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.at(values.size() / 2);
}

}  // namespace

TEST_F(ExecStorm, LeavesMemoryDescriptorsAndSpeedAsTheyWere) {
  const unsigned count = std::max(e2e::from_environment("HVSOCK_EXECS", 40), 20U);
  ASSERT_EQ(e2e::ctr_run({"-d"}, id(), {"sleep", "1000"}).status, 0);
  // Memory that the first ones allocate is kept.
  constexpr unsigned warm_up = 10;
  unsigned number = 0;
  while (number < warm_up) {
    exec(++number);
  }
  const auto shim_before = shim_kib();
  const auto agent_before = agent_kib();
  const auto descriptors_before = descriptors();
  std::vector<double> seconds;
  while (number < warm_up + count) {
    seconds.push_back(exec(++number));
  }
  const auto quarter = static_cast<std::ptrdiff_t>(count / 4);
  const double first = median({seconds.begin(), seconds.begin() + quarter});
  const double last = median({seconds.end() - quarter, seconds.end()});
  const auto shim_after = shim_kib();
  const auto agent_after = agent_kib();
  std::printf(
      "%u execs: shim %zu -> %zu kB PSS, agent %zu -> %zu kB, descriptors %zu -> %zu, "
      "median %.3f -> %.3f s\n",
      count, shim_before, shim_after, agent_before, agent_after, descriptors_before, descriptors(),
      first, last);
  EXPECT_LE(shim_after * 100, shim_before * 105);
  EXPECT_LE(agent_after * 100, agent_before * 105);
  EXPECT_EQ(descriptors(), descriptors_before);
  // Not a measurement: a search through a growing list would exceed this by far.
  EXPECT_LE(last, 3 * first);
}
