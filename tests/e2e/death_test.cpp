// A part of the machine dies in mid-stream: received output is delivered, the exit is published,
// nothing is left.
#include <csignal>

#include "tests/e2e/harness/fixture.hpp"

using e2e::eventually;
using e2e::private_containerd;
using e2e::running_command;

namespace {

// A container that writes lines endlessly, and the parts of its machine.
class Death : public e2e::ContainerdTest {
 protected:
  // The test owns ctr's FIFOs: a ctr that ends with an error leaves them behind.
  std::unique_ptr<running_command> start_writer() {
    auto writer = std::make_unique<running_command>(private_containerd::ctr_run(
        {"--rm", "--fifo-dir", scratch().string()}, id(),
        {"sh", "-c", "i=0; while :; do i=$((i+1)); echo line $i; done"}));
    EXPECT_TRUE(writer->read_until("line 1000\n"));
    return writer;
  }

  void kill_program(const std::string& program) {
    const auto pids = e2e::pids_of(program, private_containerd::directory());
    EXPECT_FALSE(pids.empty()) << program;
    for (const int pid : pids) {
      ::kill(pid, SIGKILL);
    }
  }

  // Expects the lines 1, 2, 3 ... without a gap; the last may be cut.
  void expect_lines_in_order(const std::string& text) {
    std::size_t at = 0;
    for (int i = 1; at < text.size(); ++i) {
      const auto line = "line " + std::to_string(i) + "\n";
      const auto got = text.substr(at, line.size());
      ASSERT_EQ(got, line.substr(0, got.size())) << "after " << at << " bytes";
      at += line.size();
    }
  }

  void expect_lost_machine(running_command& writer) {
    const auto result = writer.finish();
    EXPECT_EQ(result.status, 255) << result.err;
    expect_lines_in_order(result.out);
    EXPECT_TRUE(eventually([&] { return log().find("may be truncated") != std::string::npos; }));
  }
};

}  // namespace

TEST_F(Death, OfTheHypervisor) {
  const auto writer = start_writer();
  kill_program("qemu-system-x86_64");
  expect_lost_machine(*writer);
}

TEST_F(Death, OfVsockd) {
  const auto writer = start_writer();
  kill_program("hvsock-vsockd");
  expect_lost_machine(*writer);
}

TEST_F(Death, OfVirtiofsd) {
  const auto writer = start_writer();
  kill_program("virtiofsd");
  expect_lost_machine(*writer);
}

TEST_F(Death, OfTheAgent) {
  // Pid 1 cannot be killed from within the guest, but the kernel can be made to panic, which
  // ends it.
  running_command writer(
      private_containerd::ctr_run({"--rm", "--privileged"}, id(),
                                  {"sh", "-c",
                                   "i=0; while [ $i -lt 1000 ]; do i=$((i+1)); echo line $i; done; "
                                   "sleep 1000"}));
  ASSERT_TRUE(writer.read_until("line 1000\n"));
  const auto crash =
      e2e::ctr({"tasks", "exec", "--fifo-dir", scratch().string(), "--exec-id", "crash", id(), "sh",
                "-c", "echo c > /proc/sysrq-trigger; sleep 1000"});
  EXPECT_NE(crash.status, 0);
  expect_lost_machine(writer);
}

TEST_F(Death, OfAContainerThatIsKilledIs137AndTruncatesNothing) {
  const auto writer = start_writer();
  EXPECT_EQ(e2e::ctr({"tasks", "kill", "--signal", "SIGKILL", id()}).status, 0);
  const auto result = writer->finish();
  EXPECT_EQ(result.status, 137) << result.err;
  expect_lines_in_order(result.out);
  EXPECT_EQ(log().find("output lost"), std::string::npos);
}

TEST_F(Death, OfTheShimLeavesNothingAndTheNextContainerWorks) {
  for (int i = 0; i < 3; ++i) {
    const auto writer = start_writer();
    kill_program("containerd-shim-hvsock-v2");
    const auto result = writer->finish();
    EXPECT_NE(result.status, 0);
    expect_lines_in_order(result.out);
    private_containerd::remove_all();
    EXPECT_TRUE(
        eventually([&] { return e2e::shim_processes(private_containerd::directory()).empty(); }));
  }
}
