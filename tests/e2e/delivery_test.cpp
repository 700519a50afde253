// No output is lost: every rule of that promise, through the real containerd and a real
// virtual machine.
#include <csignal>
#include <fstream>
#include <random>

#include "tests/e2e/harness/fixture.hpp"

using e2e::ctr;
using e2e::ctr_run;
using e2e::eventually;
using e2e::private_containerd;
using e2e::run_options;
using e2e::running_command;
using std::chrono::seconds;

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20U;

class Delivery : public e2e::ContainerdTest {
 protected:
  // A file of random bytes in scratch(), and the flag that binds it to /data in the container.
  std::string make_data(std::size_t size) {
    std::mt19937_64 random(size);
    std::string data(size, '\0');
    for (auto& c : data) {
      c = static_cast<char>(random());
    }
    std::ofstream(scratch() / "data", std::ios::binary) << data;
    return data;
  }
  std::string bind_data() const {
    return "type=bind,src=" + (scratch() / "data").string() + ",dst=/data,options=rbind:ro";
  }

  std::size_t lost_in_log() const { return log().find("output lost") == std::string::npos ? 0 : 1; }
};

class DeliveryToAStalledReader : public Delivery, public ::testing::WithParamInterface<int> {};

// Reports where they differ, without printing megabytes.
void expect_same(const std::string& got, const std::string& wanted) {
  EXPECT_EQ(got.size(), wanted.size());
  const auto differ = std::mismatch(
      got.begin(), got.begin() + static_cast<std::ptrdiff_t>(std::min(got.size(), wanted.size())),
      wanted.begin());
  EXPECT_TRUE(got == wanted) << "they differ at byte " << differ.first - got.begin();
}

}  // namespace

TEST_P(DeliveryToAStalledReader, GetsEveryByte) {
  const auto result = ctr_run({"--rm"}, id(), {"sh", "-c", "head -c 150000 /dev/zero | tr '\\0' x"},
                              {.stall = seconds(GetParam())});
  EXPECT_EQ(result.status, 0) << result.err;
  expect_same(result.out, std::string(150000, 'x'));
}

TEST_P(DeliveryToAStalledReader, OfAnExecGetsEveryByte) {
  ASSERT_EQ(ctr_run({"-d"}, id(), {"sleep", "1000"}).status, 0);
  const auto result = ctr({"tasks", "exec", "--exec-id", "e1", id(), "sh", "-c",
                           "head -c 200004 /dev/zero | tr '\\0' y; exit 3"},
                          {.stall = seconds(GetParam())});
  EXPECT_EQ(result.status, 3) << result.err;
  expect_same(result.out, std::string(200004, 'y'));
}

INSTANTIATE_TEST_SUITE_P(Seconds, DeliveryToAStalledReader, ::testing::Values(0, 3, 14, 40));

TEST_F(Delivery, BurstBeforeAnImmediateExitArrivesWhole) {
  const auto data = make_data(8 * mebibyte);
  const auto result = ctr_run({"--rm", "--mount", bind_data()}, id(), {"cat", "/data"});
  EXPECT_EQ(result.status, 0) << result.err;
  expect_same(result.out, data);
}

TEST_F(Delivery, HundredMebibytesArriveUnchanged) {
  const auto data = make_data(100 * mebibyte);
  const auto result =
      ctr_run({"--rm", "--mount", bind_data()}, id(), {"cat", "/data"}, {.timeout = seconds(300)});
  EXPECT_EQ(result.status, 0) << result.err;
  expect_same(result.out, data);
}

TEST_F(Delivery, HundredMebibytesGoInAndComeOutUnchanged) {
  const auto data = make_data(100 * mebibyte);
  const auto result = ctr_run({"--rm"}, id(), {"cat"}, {.input = data, .timeout = seconds(300)});
  EXPECT_EQ(result.status, 0) << result.err;
  expect_same(result.out, data);
}

TEST_F(Delivery, StdoutAndStderrAtOnceEachArriveWhole) {
  const auto data = make_data(4 * mebibyte);
  const auto result = ctr_run({"--rm", "--mount", bind_data()}, id(),
                              {"sh", "-c", "cat /data >&2 & cat /data; wait"});
  EXPECT_EQ(result.status, 0) << result.err.size();
  expect_same(result.out, data);
  expect_same(result.err, data);
}

TEST_F(Delivery, StalledStdoutDoesNotHoldUpStderr) {
  running_command writer(private_containerd::ctr_run(
      {"--rm"}, id(), {"sh", "-c", "yes | head -c 1000000 & sleep 1; echo now >&2; wait"}));
  // stdout is not read before this text has arrived on stderr.
  EXPECT_TRUE(writer.read_errors_until("now\n"));
  EXPECT_EQ(writer.out(), "");
  const auto result = writer.finish();
  EXPECT_EQ(result.status, 0);
  EXPECT_EQ(result.out.size(), 1000000U);
}

TEST_F(Delivery, BackgroundChildThatHoldsStdoutDoesNotDelayTheExit) {
  ASSERT_EQ(ctr_run({"-d"}, id(), {"sleep", "1000"}).status, 0);
  // The child would hold the pipe for 1000 s; the exec ends nevertheless, with its own output.
  running_command exec(
      private_containerd::ctr({"tasks", "exec", "--exec-id", "e1", id(), "sh", "-c",
                               "sleep 1000 & echo written before the exit"}));
  EXPECT_TRUE(exec.read_until("written before the exit\n"));
  // ctr of 2.4 first waits for the end of the output, which comes with the deletion; the others
  // delete at once. Only a process that has exited can be deleted.
  EXPECT_TRUE(e2e::eventually([&] {
    static_cast<void>(ctr({"tasks", "delete", "--exec-id", "e1", id()}));
    return exec.read_until_end(seconds(1));
  }));
  const auto result = exec.finish();
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_EQ(result.out, "written before the exit\n");
}

TEST_F(Delivery, BackgroundChildIsHeardUntilDelete) {
  const auto fifos = scratch() / "fifos";
  std::filesystem::create_directory(fifos);
  ASSERT_EQ(ctr_run({"-d"}, id(), {"sleep", "1000"}).status, 0);
  running_command exec(private_containerd::ctr(
      {"tasks", "exec", "--exec-id", "e1", id(), "sh", "-c", "(sleep 1; echo late) & echo early"}));
  const auto result = exec.finish();
  // ctr deletes an exec as soon as it receives its exit, so "late" may or may not arrive in time;
  // output written before the exit must arrive.
  EXPECT_EQ(result.out.substr(0, 6), "early\n");
}

TEST_F(Delivery, FileSinkHoldsEverythingOfBothStreams) {
  const auto file = scratch() / "logs" / "out.log";
  const auto result = ctr_run({"--rm", "--log-uri", "file://" + file.string()}, id(),
                              {"sh", "-c", "seq 1 50000; echo failed >&2; exit 2"});
  EXPECT_EQ(result.status, 2) << result.err;
  std::ifstream stream(file);
  const std::string text((std::istreambuf_iterator<char>(stream)),
                         std::istreambuf_iterator<char>());
  std::string expected;
  for (int i = 1; i <= 50000; ++i) {
    expected += std::to_string(i) + "\n";
  }
  EXPECT_EQ(text.size(), expected.size() + std::string("failed\n").size());
  EXPECT_NE(text.find("failed\n"), std::string::npos);
}

TEST_F(Delivery, NullStdioRuns) {
  const auto result =
      ctr_run({"--rm", "--null-io"}, id(), {"sh", "-c", "yes | head -c 1000000; exit 4"});
  EXPECT_EQ(result.status, 4) << result.err;
  EXPECT_EQ(result.out, "");
}

TEST_F(Delivery, SinkThatFailsIsReportedAndTheContainerRunsOn) {
  // Writing to /dev/full always fails.
  const auto result = ctr_run({"--rm", "--log-uri", "file:///dev/full"}, id(),
                              {"sh", "-c", "yes | head -c 1000000; exit 8"});
  EXPECT_EQ(result.status, 8) << result.err;
  const auto said = log();
  EXPECT_NE(said.find("output cannot be delivered"), std::string::npos);
  EXPECT_NE(said.find("No space left on device"), std::string::npos);
}

TEST_F(Delivery, FiftyContainersOneAfterTheOtherEachArriveWhole) {
  const auto data = make_data(mebibyte);
  for (int i = 0; i < 50; ++i) {
    const auto result = ctr_run({"--rm", "--mount", bind_data()}, id(), {"cat", "/data"});
    ASSERT_EQ(result.status, 0) << "container " << i << ": " << result.err;
    ASSERT_TRUE(result.out == data) << "container " << i << ": " << result.out.size() << " bytes";
  }
}

TEST_F(Delivery, ExitOfATaskWithoutAnyReaderIsToldAndItsOutputCanStillBeRead) {
  const auto fifos = scratch() / "fifos";
  std::filesystem::create_directory(fifos);
  {
    // Its stdin stays open, so that ctr does not close the task's stdin.
    running_command detached(
        private_containerd::ctr_run({"-d", "--fifo-dir", fifos.string()}, id(),
                                    {"sh", "-c", "head -c 150000 /dev/zero | tr '\\0' z"}));
    ASSERT_EQ(detached.finish().status, 0);
  }
  ASSERT_TRUE(
      eventually([&] { return ctr({"tasks", "ls"}).out.find("STOPPED") != std::string::npos; }));
  const auto stdout_fifo = e2e::run({"sh", "-c", "ls -d " + fifos.string() + "/*/*-stdout"}).out;
  const auto read = e2e::run({"cat", stdout_fifo.substr(0, stdout_fifo.find('\n'))});
  expect_same(read.out, std::string(150000, 'z'));
}
