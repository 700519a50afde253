#include "flow/system/spawn.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "flow/system/pipe.hpp"
#include "flow/unique_fd.hpp"

namespace {

// Runs `script` in a shell and returns its output; its wait status is stored in `status`.
std::string run(flow::command c, const std::string& script, int* status = nullptr) {
  auto [read_end, write_end] = flow::make_pipe().value();
  c.argv = {"/bin/sh", "-c", script};
  c.descriptors.push_back({write_end.get(), 1});
  const auto pid = flow::spawn(c);
  if (!pid) {
    ADD_FAILURE() << pid.error().message();
    return {};
  }
  write_end.reset();
  std::string out;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = ::read(read_end.get(), buffer.data(), buffer.size())) > 0;) {
    out.append(buffer.data(), static_cast<std::size_t>(n));
  }
  int wait_status = 0;
  ::waitpid(pid.value(), &wait_status, 0);
  if (status != nullptr) {
    *status = wait_status;
  }
  return out;
}

}  // namespace

TEST(Spawn, ProgramThatDoesNotExistIsAnErrorOfTheCall) {
  flow::command c;
  c.argv = {"/nonexistent/program"};
  const auto pid = flow::spawn(c);
  ASSERT_FALSE(pid);
  EXPECT_EQ(pid.error().message(), "execute /nonexistent/program: No such file or directory");
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1) << "no zombie is left";
}

TEST(Spawn, ChildHasOnlyTheDescriptorsNamed) {
  // Not close-on-exec on purpose: a library may leak such a descriptor.
  const flow::unique_fd leaky(::open("/dev/null", O_RDONLY));
  const auto out = run({}, "ls /proc/self/fd | wc -l");
  EXPECT_EQ(out, "4\n") << "0, 1, 2 and the directory that ls reads";
}

TEST(Spawn, DescriptorsMaySwapNumbers) {
  const auto [read_end, write_end] = flow::make_pipe().value();
  ASSERT_EQ(::write(write_end.get(), "swapped\n", 8), 8);
  flow::command c;
  // Each number is the other's source: moved one after the other, one would be lost.
  c.descriptors = {{read_end.get(), write_end.get()}, {write_end.get(), read_end.get()}};
  const auto out = run(c, "head -n 1 <&" + std::to_string(write_end.get()));
  EXPECT_EQ(out, "swapped\n");
}

TEST(Spawn, ChildStartsWithDefaultSignals) {
  const auto before = ::signal(SIGPIPE, SIG_IGN);
  const auto out = run({}, "grep -E 'Sig(Ign|Blk)' /proc/self/status");
  ::signal(SIGPIPE, before);
  EXPECT_EQ(out, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST(Spawn, EnvironmentAndDirectoryAreTheOnesGiven) {
  flow::command c;
  c.environment = {"A=1", "PATH=/bin:/usr/bin"};
  c.directory = "/proc";
  EXPECT_EQ(run(c, "echo $A $HOME; pwd"), "1\n/proc\n");
}

TEST(Spawn, DirectoryThatDoesNotExistIsAnErrorOfTheCall) {
  flow::command c;
  c.argv = {"/bin/true"};
  c.directory = "/nonexistent";
  const auto pid = flow::spawn(c);
  ASSERT_FALSE(pid);
  EXPECT_EQ(pid.error().message(), "enter the directory /bin/true: No such file or directory");
}

TEST(Spawn, NewSessionIsLedByTheChild) {
  flow::command c;
  c.new_session = true;
  EXPECT_EQ(run(c, "set -- $(cat /proc/$$/stat); test $6 = $$ && echo leader"), "leader\n");
}

TEST(Spawn, ChildDiesWithItsParent) {
  auto [read_end, write_end] = flow::make_pipe().value();
  const pid_t parent = ::fork();
  if (parent == 0) {
    flow::command c;
    c.argv = {"/bin/sleep", "1000"};
    c.dies_with_parent = true;
    c.descriptors = {{write_end.get(), 1}};
    ::_exit(flow::spawn(c) ? 0 : 1);
  }
  write_end.reset();
  int status = 0;
  ASSERT_EQ(::waitpid(parent, &status, 0), parent);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  char byte = 0;
  EXPECT_EQ(::read(read_end.get(), &byte, 1), 0) << "the child's end of the pipe is gone with it";
}
