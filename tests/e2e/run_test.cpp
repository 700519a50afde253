// ctr run, exec, kill, ps, rm: as with any other runtime.
#include <sys/utsname.h>

#include <csignal>
#include <regex>

#include "flow/system/file.hpp"
#include "tests/e2e/harness/fixture.hpp"

using e2e::ctr;
using e2e::ctr_run;
using e2e::eventually;

namespace {

class Run : public e2e::ContainerdTest {
 protected:
  void run_detached(std::vector<std::string> command) {
    const auto started = ctr_run({"-d"}, id(), std::move(command));
    ASSERT_EQ(started.status, 0) << started.err;
  }

  std::string task_status() const {
    const auto listed = ctr({"tasks", "ls"}).out;
    const auto line = listed.find(id());
    if (line == std::string::npos) {
      return "none";
    }
    for (const char* status : {"RUNNING", "STOPPED", "CREATED"}) {
      const auto at = listed.find(status, line);
      if (at != std::string::npos && at < listed.find('\n', line)) {
        return status;
      }
    }
    return "unknown";
  }

  int next_exec_ = 0;
  e2e::run_result exec(std::vector<std::string> command, const e2e::run_options& options = {}) {
    std::vector<std::string> arguments{"tasks", "exec", "--exec-id",
                                       "e" + std::to_string(++next_exec_), id()};
    arguments.insert(arguments.end(), command.begin(), command.end());
    return ctr(std::move(arguments), options);
  }
};

}  // namespace

TEST_F(Run, ContainerRunsOnAKernelOfItsOwn) {
  utsname host{};
  ::uname(&host);
  const auto result = ctr_run({"--rm"}, id(), {"uname", "-r"});
  EXPECT_EQ(result.status, 0) << result.err;
  EXPECT_NE(result.out, std::string(host.release) + "\n");
  EXPECT_FALSE(result.out.empty());
}

TEST_F(Run, ExitCodeOfTheContainerIsCtrsOwn) {
  EXPECT_EQ(ctr_run({"--rm"}, id(), {"sh", "-c", "exit 42"}).status, 42);
}

TEST_F(Run, EveryExitCodePassesThrough) {
  run_detached({"sleep", "1000"});
  for (const int code : {0, 1, 2, 63, 64, 125, 126, 127, 128, 129, 137, 143, 200, 254, 255}) {
    EXPECT_EQ(exec({"sh", "-c", "exit " + std::to_string(code)}).status, code);
  }
}

TEST_F(Run, DeathBySignalIs128PlusTheSignal) {
  run_detached({"sleep", "1000"});
  for (const int signal : {SIGHUP, SIGKILL, SIGSEGV, SIGTERM, SIGUSR1}) {
    EXPECT_EQ(exec({"sh", "-c", "kill -" + std::to_string(signal) + " $$"}).status, 128 + signal);
  }
}

TEST_F(Run, DetachedTaskIsListedKilledAndRemoved) {
  run_detached({"sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.1; done"});
  EXPECT_EQ(task_status(), "RUNNING");
  // Until it has set its trap, a container's first process does not receive signals.
  EXPECT_TRUE(eventually([&] {
    ctr({"tasks", "kill", id()});
    return task_status() == "STOPPED";
  }));
  const auto removed = ctr({"tasks", "rm", id()});
  EXPECT_EQ(removed.status, 0) << removed.err;
  EXPECT_NE(removed.err.find("non-zero exit code 5"), std::string::npos) << removed.err;
  EXPECT_EQ(task_status(), "none");
  EXPECT_EQ(ctr({"containers", "rm", id()}).status, 0);
}

TEST_F(Run, KilledTaskIs137) {
  run_detached({"sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"});
  EXPECT_EQ(ctr({"tasks", "kill", "--signal", "SIGKILL", id()}).status, 0);
  EXPECT_TRUE(eventually([&] { return task_status() == "STOPPED"; }));
  const auto removed = ctr({"tasks", "rm", id()});
  EXPECT_NE(removed.err.find("non-zero exit code 137"), std::string::npos) << removed.err;
}

TEST_F(Run, KillOfAStoppedTaskIsNotFound) {
  run_detached({"true"});
  ASSERT_TRUE(eventually([&] { return task_status() == "STOPPED"; }));
  const auto killed = ctr({"tasks", "kill", id()});
  EXPECT_NE(killed.status, 0);
  // ctr of 1.6 adds the class of the error, ": not found".
  EXPECT_NE(killed.err.find("process already finished"), std::string::npos) << killed.err;
}

TEST_F(Run, ExecSharesTheContainersFilesAndProcesses) {
  run_detached({"sh", "-c", "echo from init > /tmp/note; exec sleep 1000"});
  ASSERT_TRUE(eventually([&] { return exec({"cat", "/tmp/note"}).out == "from init\n"; }));
  EXPECT_NE(exec({"ps"}).out.find("sleep 1000"), std::string::npos);
}

TEST_F(Run, ExecOfAProgramThatIsMissingSaysSo) {
  run_detached({"sleep", "1000"});
  const auto result = exec({"/nonexistent"});
  EXPECT_NE(result.status, 0);
  EXPECT_NE(result.err.find("/nonexistent"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("No such file"), std::string::npos) << result.err;
  EXPECT_EQ(exec({"true"}).status, 0) << "the container is none the worse for it";
}

TEST_F(Run, PsListsInitAndItsChild) {
  run_detached({"sh", "-c", "sleep 1000; true"});
  EXPECT_TRUE(eventually([&] {
    const auto listed = ctr({"tasks", "ps", id()}).out;
    return std::count(listed.begin(), listed.end(), '\n') == 3;  // a headline and two processes
  }));
}

TEST_F(Run, PidOfATaskIsAProcessUntilItsExitIsTold) {
  run_detached({"sleep", "1000"});
  const auto listed = ctr({"tasks", "ls"}).out;
  const auto at = listed.find(id());
  ASSERT_NE(at, std::string::npos) << listed;
  const auto pid = static_cast<pid_t>(std::stoi(listed.substr(at + id().size())));
  EXPECT_EQ(::kill(pid, 0), 0);
  ctr({"tasks", "kill", "--signal", "SIGKILL", id()});
  ASSERT_TRUE(eventually([&] { return task_status() == "STOPPED"; }));
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_F(Run, WorkingDirectoryAndEnvironmentAreTheSpecs) {
  const auto result = ctr_run({"--rm", "--env", "GREETING=hello world", "--cwd", "/usr"}, id(),
                              {"sh", "-c", "echo $GREETING; pwd; id -u; echo out > /dev/stdout"});
  EXPECT_EQ(result.out, "hello world\n/usr\n0\nout\n") << result.err;
}

TEST_F(Run, HostNameIsTheHosts) {
  utsname host{};
  ::uname(&host);
  const auto result = ctr_run({"--rm"}, id(), {"hostname"});
  EXPECT_EQ(result.out, std::string(host.nodename) + "\n") << result.err;
}

TEST_F(Run, UserNamespaceIsTheSpecs) {
  const auto result =
      ctr_run({"--rm", "--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536"}, id(),
              {"sh", "-c", "id -u; cat /proc/self/uid_map | tr -s ' '; echo out > /dev/stdout"});
  EXPECT_EQ(result.out, "0\n 0 100000 65536\nout\n") << result.err;
}

TEST_F(Run, DirectoryOfTheHostIsBound) {
  const auto file = scratch() / "file";
  {
    const auto made = e2e::run({"sh", "-c", "echo from the host > " + file.string()});
    ASSERT_EQ(made.status, 0);
  }
  const std::string bind = "type=bind,src=" + scratch().string() + ",dst=/host,options=rbind:";
  const auto read_only = ctr_run({"--rm", "--mount", bind + "ro"}, id(),
                                 {"sh", "-c", "cat /host/file; echo no > /host/new"});
  EXPECT_EQ(read_only.out, "from the host\n");
  EXPECT_NE(read_only.status, 0);
  EXPECT_FALSE(std::filesystem::exists(scratch() / "new"));
  const auto writable =
      ctr_run({"--rm", "--mount", bind + "rw"}, id(), {"sh", "-c", "echo yes > /host/new"});
  EXPECT_EQ(writable.status, 0) << writable.err;
  EXPECT_TRUE(std::filesystem::exists(scratch() / "new"));
}

TEST_F(Run, FileOfTheHostIsBoundAlone) {
  const auto file = scratch() / "file";
  ASSERT_EQ(
      e2e::run({"sh", "-c", "echo one > " + file.string() + "; echo two > " + file.string() + "2"})
          .status,
      0);
  const auto result = ctr_run(
      {"--rm", "--mount", "type=bind,src=" + file.string() + ",dst=/data/file,options=rbind:ro"},
      id(), {"sh", "-c", "cat /data/file; ls /data"});
  EXPECT_EQ(result.out, "one\nfile\n") << result.err;
}

TEST_F(Run, SameNameTwiceInARowWorks) {
  for (int i = 0; i < 3; ++i) {
    const auto result = ctr_run({"--rm"}, id(), {"echo", "again"});
    EXPECT_EQ(result.status, 0) << result.err;
    EXPECT_EQ(result.out, "again\n");
  }
}

TEST_F(Run, ClockOfTheGuestIsTheHosts) {
  const auto result = ctr_run({"--rm"}, id(), {"date", "+%s"});
  const auto there = std::stoll(result.out);
  EXPECT_LE(std::abs(there - static_cast<long long>(::time(nullptr))), 5);
}

TEST_F(Run, ConfigurationWithDebugMakesTheShimLogAtDebugLevel) {
  const auto file = scratch() / "config.toml";
  ASSERT_TRUE(flow::write_file(file, "[shim]\ndebug = true\n"));
  const auto result = ctr_run({"--rm", "--runtime-config-path", file}, id(), {"true"});
  EXPECT_EQ(result.status, 0) << result.err;
  // containerd itself logs at level "info"; the agent's lines do not mention topics.
  const std::regex line("level=debug msg=[^\n]* topic=/tasks/start");
  EXPECT_TRUE(eventually([&] { return std::regex_search(log(), line); })) << log();
}
