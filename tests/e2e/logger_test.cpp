// Output to a logging program (binary://, as nerdctl names its own): none of it is lost either.
#include <fstream>
#include <iterator>

#include "tests/e2e/harness/fixture.hpp"

using e2e::ctr;
using e2e::ctr_run;
using e2e::eventually;
using e2e::private_containerd;
using e2e::running_command;

namespace {

class Logger : public e2e::ContainerdTest {
 protected:
  std::string uri(const std::string& mode) const {
    return "binary://" HVSOCK_TEST_LOGGER "?out=" + (scratch() / "log").string() + "&mode=" + mode;
  }

  e2e::run_result run(const std::string& mode, const std::string& script) {
    return ctr_run({"--rm", "--log-uri", uri(mode)}, id(), {"sh", "-c", script});
  }

  std::string file(const std::string& name) const {
    std::ifstream stream(scratch() / ("log." + name), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  }
};

// The output of `seq 1 LAST`; comparing it shows whether all of it arrived, in order.
std::string numbers(int last) {
  std::string text;
  for (int i = 1; i <= last; ++i) {
    text += std::to_string(i) + "\n";
  }
  return text;
}

}  // namespace

TEST_F(Logger, HasEverythingOfBothStreamsWhenTheTaskIsDeleted) {
  const auto result = run("", "seq 1 500000; seq 1 20000 >&2; exit 3");
  EXPECT_EQ(result.status, 3) << result.err;
  EXPECT_TRUE(file("out") == numbers(500000)) << file("out").size();
  EXPECT_TRUE(file("err") == numbers(20000)) << file("err").size();
  EXPECT_NE(file("start").find("CONTAINER_ID=" + id() + "\nCONTAINER_NAMESPACE=default\n"),
            std::string::npos);
}

TEST_F(Logger, ThatIsSlowHoldsTheExitUntilItHasReadAll) {
  // 200 kB, with a pause of 5 ms after at most 4 KiB: runc's shim would send it SIGTERM meanwhile.
  const auto result = run("slow", "seq 1 35000");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(eventually([&] { return file("out") == numbers(35000); })) << file("out").size();
}

TEST_F(Logger, ThatStallsAndThenReadsGetsEverything) {
  running_command writer(private_containerd::ctr_run({"--rm", "--log-uri", uri("stalled")}, id(),
                                                     {"sh", "-c", "seq 1 100000; exit 4"}));
  // The output is not read: the exit is published nevertheless, and the rest is kept.
  const auto result = writer.finish();
  EXPECT_EQ(result.status, 4) << result.err;
  EXPECT_EQ(file("out"), "");
  std::ofstream(scratch() / "log.go");
  EXPECT_TRUE(eventually([&] { return file("out") == numbers(100000); })) << file("out").size();
}

TEST_F(Logger, ThatIgnoresSigtermEndsInItsOwnTime) {
  const auto result = run("deaf", "seq 1 50000");
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_TRUE(eventually([&] { return file("end") == "all read\n"; }));
  EXPECT_TRUE(file("out") == numbers(50000)) << file("out").size();
}

TEST_F(Logger, ThatDiesIsReportedAndTheContainerRunsOn) {
  const auto result = run("dies", "seq 1 300000; exit 6");
  EXPECT_EQ(result.status, 6) << result.err;
  EXPECT_TRUE(eventually([&] { return log().find("output lost (total)") != std::string::npos; }));
  const auto said = log();
  EXPECT_NE(said.find("output cannot be delivered"), std::string::npos);
  EXPECT_NE(said.find("hvsock-test-logger exited with status 7"), std::string::npos);
  const auto counted = said.find("bytes=", said.find("output lost (total)"));
  ASSERT_NE(counted, std::string::npos) << said;
  EXPECT_EQ(std::stoul(said.substr(counted + 6)) + file("out").size(), numbers(300000).size());
}

TEST_F(Logger, ThatCannotBeStartedFailsTheCreate) {
  const auto result =
      ctr_run({"--rm", "--log-uri", "binary:///nonexistent/logger"}, id(), {"true"});
  EXPECT_NE(result.status, 0);
  EXPECT_NE(result.err.find("execute /nonexistent/logger: No such file or directory"),
            std::string::npos)
      << result.err;
}
