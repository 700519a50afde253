#include "shim/support/placeholder_process.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "tests/support/temporary_directory.hpp"

using shim::placeholder_process;

namespace {

// What names a network namespace: "net:[4026531840]".
std::string network_of(const std::string& process) {
  return std::filesystem::read_symlink("/proc/" + process + "/ns/net").string();
}

std::string network_of(const placeholder_process& process) {
  return network_of(std::to_string(process.pid()));
}

bool root() {
  return ::geteuid() == 0;
}

}  // namespace

TEST(HostProcess, ExistsUntilItsOwnerGoes) {
  pid_t pid = 0;
  {
    const auto process = placeholder_process::start();
    ASSERT_TRUE(process);
    pid = process.value()->pid();
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_EQ(::kill(pid, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST(HostProcess, IsInOurNetworkUnlessAskedOtherwise) {
  const auto process = placeholder_process::start();
  ASSERT_TRUE(process);
  EXPECT_EQ(network_of(*process.value()), network_of("self"));
}

TEST(HostProcess, IsInANewNetworkFromTheBeginning) {
  if (!root()) {
    GTEST_SKIP() << "needs root";
  }
  const auto first = placeholder_process::start("");
  ASSERT_TRUE(first) << first.error().message();
  const auto second = placeholder_process::start("");
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_NE(network_of(*first.value()), network_of("self"));
  EXPECT_NE(network_of(*first.value()), network_of(*second.value()));
}

TEST(HostProcess, IsInTheNetworkAtThePath) {
  if (!root()) {
    GTEST_SKIP() << "needs root";
  }
  const auto first = placeholder_process::start("");
  ASSERT_TRUE(first) << first.error().message();
  const auto second = placeholder_process::start(first.value()->network());
  ASSERT_TRUE(second) << second.error().message();
  EXPECT_EQ(network_of(*second.value()), network_of(*first.value()));
}

TEST(HostProcess, PathWithoutANetworkIsAnInvalidArgumentThatNamesIt) {
  const tests::temporary_directory directory;
  const std::string fifo = directory / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const std::string& path : {std::string("/nonexistent/netns"), std::string("/dev/null"), fifo,
                                  std::string("/proc/self/ns/mnt")}) {
    const auto started = placeholder_process::start(path);
    ASSERT_FALSE(started) << path;
    EXPECT_EQ(started.error().code(), flow::error_code(flow::errc::invalid_argument));
    EXPECT_NE(started.error().message().find("network " + path), std::string::npos)
        << started.error().message();
  }
}
