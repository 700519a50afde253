// containerd is killed and restarted: tasks keep running, their output arrives, and exits that
// happened meanwhile are published.
#include <algorithm>
#include <csignal>
#include <fstream>

#include "flow/system/file.hpp"
#include "tests/e2e/harness/environment.hpp"
#include "tests/e2e/harness/fixture.hpp"

using e2e::ctr;
using e2e::eventually;
using e2e::private_containerd;
using e2e::running_command;

namespace {

class ContainerdRestart : public e2e::ContainerdTest {
 protected:
  static void kill_containerd() {
    const std::string file = private_containerd::directory() + "/containerd.pid";
    const auto text = flow::read_file(file);
    ASSERT_TRUE(text);
    const auto pid = static_cast<pid_t>(std::stoi(text.value()));
    ASSERT_EQ(::kill(pid, SIGKILL), 0);
    ASSERT_TRUE(eventually([pid] { return ::kill(pid, 0) != 0 || is_zombie(pid); }));
    std::filesystem::remove(file);
  }

  // The task's status in `ctr tasks ls`.
  static std::string status_of(const std::string& id) {
    const auto listed = ctr({"tasks", "ls"}).out;
    const auto line = listed.find(id + " ");
    if (line == std::string::npos) {
      return "none";
    }
    const auto text = listed.substr(line, listed.find('\n', line) - line);
    return text.substr(text.rfind(' ') + 1);
  }

  static void expect_exit(const std::string& id, int status) {
    const auto removed = ctr({"tasks", "rm", id});
    EXPECT_EQ(removed.status, 0) << removed.err;
    EXPECT_NE(removed.err.find("non-zero exit code " + std::to_string(status)), std::string::npos)
        << id << ": " << removed.err;
  }

  // Written by the test, visible to the containers at /test.
  std::string bind_scratch() const {
    return "type=bind,src=" + scratch().string() + ",dst=/test,options=rbind:rw";
  }

 private:
  static bool is_zombie(pid_t pid) {
    const auto stat = flow::read_file("/proc/" + std::to_string(pid) + "/stat");
    return !stat || stat.value().find(") Z ") != std::string::npos;
  }
};

}  // namespace

TEST_F(ContainerdRestart, TaskRunsOnAndItsExitIsTheRightOne) {
  ASSERT_EQ(e2e::ctr_run({"-d", "--mount", bind_scratch()}, id(),
                         {"sh", "-c", "while [ ! -e /test/go ]; do sleep 0.1; done; exit 41"})
                .status,
            0);
  kill_containerd();
  private_containerd::up();
  EXPECT_EQ(status_of(id()), "RUNNING");
  const auto exec = ctr({"tasks", "exec", "--exec-id", "e1", id(), "sh", "-c", "echo in; exit 3"});
  EXPECT_EQ(exec.status, 3);
  EXPECT_EQ(exec.out, "in\n") << exec.err;
  std::ofstream(scratch() / "go") << "now";
  EXPECT_TRUE(eventually([&] { return status_of(id()) == "STOPPED"; }));
  expect_exit(id(), 41);
}

TEST_F(ContainerdRestart, ExitThatHappensMeanwhileIsReportedAndItsCodeKept) {
  ASSERT_EQ(e2e::ctr_run({"-d", "--mount", bind_scratch()}, id(),
                         {"sh", "-c", "while [ ! -e /test/go ]; do sleep 0.1; done; exit 42"})
                .status,
            0);
  const auto pids = e2e::pids_of("containerd-shim-hvsock-v2", private_containerd::directory());
  kill_containerd();
  std::ofstream(scratch() / "go") << "now";
  // The placeholder process has exited when the shim knows of the exit.
  ASSERT_TRUE(eventually([&] {
    return e2e::pids_of("containerd-shim-hvsock-v2", private_containerd::directory()).size() <
           pids.size();
  }));
  private_containerd::up();
  EXPECT_TRUE(eventually([&] { return status_of(id()) == "STOPPED"; }));
  expect_exit(id(), 42);
}

// HVSOCK_WRITERS tasks in two machines: half of them write to a file, half to a FIFO.
TEST_F(ContainerdRestart, UnderLoadLosesNoByteNoTaskAndNoExit) {
  const unsigned count = e2e::from_environment("HVSOCK_WRITERS", 10);
  constexpr int lines = 20000;
  std::string wanted;
  for (int i = 1; i <= lines; ++i) {
    wanted += std::to_string(i) + "\n";
  }
  const auto name = [this](unsigned i) { return id() + "-" + std::to_string(i); };
  std::vector<std::unique_ptr<running_command>> readers;
  for (unsigned i = 0; i < count; ++i) {
    const auto directory = scratch() / std::to_string(i);
    std::filesystem::create_directory(directory);
    const bool to_file = i % 2 == 0;
    const std::vector<std::string> output =
        to_file ? std::vector<std::string>{"--log-uri", "file://" + (directory / "log").string()}
                : std::vector<std::string>{"--fifo-dir", directory.string()};
    std::vector<std::string> flags{
        "-d", "--mount", bind_scratch(), "--annotation",
        "io.containerd.runc.v2.group=" + id() + "-" + std::to_string(i % 2)};
    flags.insert(flags.end(), output.begin(), output.end());
    // They start together, write in pieces, and end when they have written everything.
    const auto started = e2e::ctr_run(
        flags, name(i),
        {"sh", "-c",
         "while [ ! -e /test/go ]; do sleep 0.2; done; i=1; while [ $i -le 20000 ]; do "
         "seq $i $((i+499)); i=$((i+500)); sleep 0.1; done; exit " +
             std::to_string(40 + i)});
    ASSERT_EQ(started.status, 0) << started.err;
    if (!to_file) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
        if (entry.path().string().ends_with("-stdout")) {
          readers.push_back(std::make_unique<running_command>(
              std::vector<std::string>{"cat", entry.path().string()}));
        }
      }
    }
  }
  ASSERT_EQ(readers.size(), count / 2);
  std::ofstream(scratch() / "go") << "now";
  ASSERT_TRUE(readers.front()->read_until("\n1000\n"));
  kill_containerd();
  ASSERT_TRUE(readers.front()->read_until("\n5000\n"));
  private_containerd::up();
  for (unsigned i = 0; i < count; ++i) {
    EXPECT_NE(status_of(name(i)), "none");
  }
  for (const auto& reader : readers) {
    EXPECT_TRUE(reader->read_until_end(std::chrono::seconds(120)));
    EXPECT_TRUE(reader->out() == wanted) << reader->out().size() << " of " << wanted.size();
  }
  for (unsigned i = 0; i < count; ++i) {
    EXPECT_TRUE(
        eventually([&] { return status_of(name(i)) == "STOPPED"; }, std::chrono::seconds(60)))
        << i << ": " << status_of(name(i));
    if (i % 2 == 0) {
      const auto text = flow::read_file(scratch() / std::to_string(i) / "log");
      ASSERT_TRUE(text);
      EXPECT_TRUE(text.value() == wanted) << i << ": " << text.value().size();
    }
    expect_exit(name(i), static_cast<int>(40 + i));
  }
  EXPECT_EQ(log().find("output lost"), std::string::npos);
}
