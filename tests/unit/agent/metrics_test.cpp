#include "agent/container/metrics.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "flow/system/file.hpp"
#include "tests/support/temporary_directory.hpp"

namespace api = io::containerd::cgroups::v2;

namespace {

constexpr auto no_limit = std::numeric_limits<std::uint64_t>::max();

struct cgroup {
  cgroup() { add("cpu.stat", ""); }

  void add(const std::string& file, const std::string& text) const {
    EXPECT_TRUE(flow::write_file(directory / file, text));
  }

  api::Metrics metrics() const {
    const auto read = agent::read_metrics(directory / ".");
    EXPECT_TRUE(read) << read.error().message();
    return read.value();
  }

  tests::temporary_directory directory;
};

}  // namespace

TEST(Metrics, AreAnErrorWithoutACgroup) {
  EXPECT_FALSE(agent::read_metrics("/nonexistent"));
}

// Clients look into these without asking whether they are there.
TEST(Metrics, OfAKernelThatCountsNothingAreZeroButThere) {
  const auto m = cgroup().metrics();
  EXPECT_TRUE(m.has_cpu());
  EXPECT_TRUE(m.has_pids());
  EXPECT_TRUE(m.has_memory());
  EXPECT_TRUE(m.has_memory_events());
  EXPECT_TRUE(m.has_io());
  EXPECT_FALSE(m.has_rdma());
  EXPECT_EQ(m.hugetlb_size(), 0);
  EXPECT_EQ(m.memory().usage(), 0U);
  EXPECT_FALSE(m.cpu().has_psi());
}

TEST(Metrics, OfTheProcessor) {
  const cgroup c;
  c.add("cpu.stat",
        "usage_usec 6\nuser_usec 2\nsystem_usec 4\nnr_periods 7\nnr_throttled 8\n"
        "throttled_usec 9\nnr_bursts 10\nburst_usec 11\nsome_new_number 12\n");
  const auto m = c.metrics();
  EXPECT_EQ(m.cpu().usage_usec(), 6U);
  EXPECT_EQ(m.cpu().user_usec(), 2U);
  EXPECT_EQ(m.cpu().system_usec(), 4U);
  EXPECT_EQ(m.cpu().nr_periods(), 7U);
  EXPECT_EQ(m.cpu().nr_throttled(), 8U);
  EXPECT_EQ(m.cpu().throttled_usec(), 9U);
  EXPECT_EQ(m.cpu().nr_bursts(), 10U);
  EXPECT_EQ(m.cpu().burst_usec(), 11U);
}

TEST(Metrics, OfMemory) {
  const cgroup c;
  c.add("memory.stat",
        "anon 1\nfile 2\nkernel_stack 3\nslab 4\ninactive_file 5\nactive_file 6\npgfault 7\n"
        "workingset_refault_anon 90\nworkingset_refault_file 8\npgmajfault 9\n");
  c.add("memory.current", "1000\n");
  c.add("memory.max", "2000\n");
  c.add("memory.peak", "1500\n");
  c.add("memory.swap.current", "30\n");
  c.add("memory.swap.max", "max\n");
  c.add("memory.events", "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 6\n");
  const auto m = c.metrics();
  EXPECT_EQ(m.memory().anon(), 1U);
  EXPECT_EQ(m.memory().file(), 2U);
  EXPECT_EQ(m.memory().kernel_stack(), 3U);
  EXPECT_EQ(m.memory().slab(), 4U);
  EXPECT_EQ(m.memory().inactive_file(), 5U);
  EXPECT_EQ(m.memory().active_file(), 6U);
  EXPECT_EQ(m.memory().pgfault(), 7U);
  EXPECT_EQ(m.memory().workingset_refault(), 8U);
  EXPECT_EQ(m.memory().pgmajfault(), 9U);
  EXPECT_EQ(m.memory().usage(), 1000U);
  EXPECT_EQ(m.memory().usage_limit(), 2000U);
  EXPECT_EQ(m.memory().max_usage(), 1500U);
  EXPECT_EQ(m.memory().swap_usage(), 30U);
  EXPECT_EQ(m.memory().swap_limit(), no_limit);
  EXPECT_EQ(m.memory_events().low(), 1U);
  EXPECT_EQ(m.memory_events().high(), 2U);
  EXPECT_EQ(m.memory_events().max(), 3U);
  EXPECT_EQ(m.memory_events().oom(), 4U);
  EXPECT_EQ(m.memory_events().oom_kill(), 5U);
}

TEST(Metrics, OfProcesses) {
  const cgroup c;
  c.add("pids.current", "3\n");
  c.add("pids.max", "max\n");
  EXPECT_EQ(c.metrics().pids().current(), 3U);
  EXPECT_EQ(c.metrics().pids().limit(), no_limit);
  c.add("pids.max", "17\n");
  EXPECT_EQ(c.metrics().pids().limit(), 17U);
}

TEST(Metrics, OfDevices) {
  const cgroup c;
  c.add("io.stat",
        "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n8:16 wbytes=7 rbytes=8\n");
  const auto m = c.metrics();
  ASSERT_EQ(m.io().usage_size(), 2);
  EXPECT_EQ(m.io().usage(0).major(), 254U);
  EXPECT_EQ(m.io().usage(0).minor(), 0U);
  EXPECT_EQ(m.io().usage(0).rbytes(), 1U);
  EXPECT_EQ(m.io().usage(0).wbytes(), 2U);
  EXPECT_EQ(m.io().usage(0).rios(), 3U);
  EXPECT_EQ(m.io().usage(0).wios(), 4U);
  EXPECT_EQ(m.io().usage(1).minor(), 16U);
  EXPECT_EQ(m.io().usage(1).rbytes(), 8U);
  EXPECT_EQ(m.io().usage(1).wbytes(), 7U);
}

TEST(Metrics, OfPressure) {
  const cgroup c;
  c.add("memory.pressure",
        "some avg10=1.50 avg60=2.25 avg300=0.00 total=42\n"
        "full avg10=0.50 avg60=0.00 avg300=0.00 total=7\n");
  c.add("cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=3.00 total=1\n");
  const auto m = c.metrics();
  EXPECT_EQ(m.memory().psi().some().avg10(), 1.5);
  EXPECT_EQ(m.memory().psi().some().avg60(), 2.25);
  EXPECT_EQ(m.memory().psi().some().total(), 42U);
  EXPECT_EQ(m.memory().psi().full().avg10(), 0.5);
  EXPECT_EQ(m.memory().psi().full().total(), 7U);
  EXPECT_EQ(m.cpu().psi().some().avg300(), 3.0);
  EXPECT_FALSE(m.cpu().psi().has_full());
  EXPECT_FALSE(m.io().has_psi());
}

TEST(Metrics, OfHugePagesAndRdma) {
  const cgroup c;
  c.add("hugetlb.2MB.current", "4194304\n");
  c.add("hugetlb.2MB.max", "max\n");
  c.add("hugetlb.2MB.events", "max 3\n");
  c.add("hugetlb.2MB.rsvd.current", "0\n");
  c.add("hugetlb.1GB.current", "0\n");
  c.add("rdma.current", "mlx4_0 hca_handle=2 hca_object=2000\n");
  c.add("rdma.max", "mlx4_0 hca_handle=3 hca_object=max\n");
  const auto m = c.metrics();
  ASSERT_EQ(m.hugetlb_size(), 2);
  EXPECT_EQ(m.hugetlb(0).pagesize(), "1GB");
  EXPECT_EQ(m.hugetlb(1).pagesize(), "2MB");
  EXPECT_EQ(m.hugetlb(1).current(), 4194304U);
  EXPECT_EQ(m.hugetlb(1).max(), no_limit);
  EXPECT_EQ(m.hugetlb(1).failcnt(), 3U);
  ASSERT_EQ(m.rdma().current_size(), 1);
  EXPECT_EQ(m.rdma().current(0).device(), "mlx4_0");
  EXPECT_EQ(m.rdma().current(0).hca_handles(), 2U);
  EXPECT_EQ(m.rdma().current(0).hca_objects(), 2000U);
  EXPECT_EQ(m.rdma().limit(0).hca_objects(), std::numeric_limits<std::uint32_t>::max());
}

TEST(Metrics, NonsenseCountsAsNothing) {
  const cgroup c;
  c.add("cpu.stat", "usage_usec\nuser_usec x\n\n   \nsystem_usec 99999999999999999999999\n=\n");
  c.add("io.stat", "\n:\nx:y =\n8:0\n");
  c.add("cpu.pressure", "some\nsome =\nfull avg10\n");
  c.add("memory.current", "");
  const auto m = c.metrics();
  EXPECT_EQ(m.cpu().usage_usec(), 0U);
  EXPECT_EQ(m.cpu().user_usec(), 0U);
  EXPECT_EQ(m.memory().usage(), 0U);
}

TEST(OomKills, AreCountedAndZeroIfNobodySays) {
  const cgroup c;
  EXPECT_EQ(agent::oom_kills(c.directory / "."), 0U);
  c.add("memory.events", "oom 4\noom_kill 5\n");
  EXPECT_EQ(agent::oom_kills(c.directory / "."), 5U);
}
