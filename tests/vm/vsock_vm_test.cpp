// The device under a real QEMU and a real Linux guest.
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <csignal>
#include <memory>
#include <vector>

#include "flow/device/limits.hpp"
#include "flow/system/unix_socket.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/vm/virtual_machine.hpp"

using namespace tests;

namespace {

constexpr std::uint64_t mebibyte = 1U << 20U;

// One machine for all tests of the suite, each of which leaves it as it was.
class VsockVm : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!machine) {
      machine = std::make_unique<virtual_machine>();
    }
  }
  // After a failure the state of the guest is unknown.
  void TearDown() override {
    if (HasFailure()) {
      machine.reset();
    }
  }
  static void TearDownTestSuite() { machine.reset(); }

  virtual_machine& vm() { return *machine; }

 private:
  static std::unique_ptr<virtual_machine> machine;
};

std::unique_ptr<virtual_machine> VsockVm::machine;

vm_test::checksum checksum_of(std::uint64_t bytes) {
  vm_test::checksum sum;
  vm_test::pattern source;
  std::array<char, 65536> part;
  while (bytes != 0) {
    const auto n = std::min<std::uint64_t>(bytes, part.size());
    source.fill(part.data(), n);
    sum.add(part.data(), n);
    bytes -= n;
  }
  return sum;
}

}  // namespace

TEST_F(VsockVm, HundredMebibytesToTheHost) {
  vm().command("send 80 " + std::to_string(100 * mebibyte));
  const auto host = vm().accept(80);
  const auto sum = read_to_end(host.get());
  EXPECT_EQ(sum.bytes, 100 * mebibyte);
  // The guest's half is closed, ours is not: it waits for our end.
  ::shutdown(host.get(), SHUT_WR);
  EXPECT_EQ(vm().answer(), virtual_machine::expected(sum));
}

TEST_F(VsockVm, HundredMebibytesToTheGuest) {
  vm().command("recv 80");
  const auto host = vm().accept(80);
  vm_test::checksum sum;
  send_pattern(host.get(), 100 * mebibyte, sum);
  ::shutdown(host.get(), SHUT_WR);
  EXPECT_EQ(vm().answer(), virtual_machine::expected(sum));
}

TEST_F(VsockVm, HalfClosedByTheGuestStillCarriesTheAnswer) {
  vm().command("send 80 1000");
  const auto host = vm().accept(80);
  EXPECT_EQ(read_to_end(host.get()), checksum_of(1000));
  vm_test::checksum sum;
  send_pattern(host.get(), mebibyte, sum);
  ::shutdown(host.get(), SHUT_WR);
  EXPECT_EQ(vm().answer(), virtual_machine::expected(sum));
}

TEST_F(VsockVm, HalfClosedByTheHostStillCarriesTheAnswer) {
  vm().command("echo 80");
  const auto host = vm().accept(80);
  vm_test::checksum sum;
  send_pattern(host.get(), 100000, sum);
  ::shutdown(host.get(), SHUT_WR);
  EXPECT_EQ(read_to_end(host.get()), sum);
  EXPECT_EQ(vm().answer(), virtual_machine::expected(sum));
}

TEST_F(VsockVm, ManyConnectionsAtOnce) {
  constexpr std::uint32_t count = 500;
  vm().command("many 80 " + std::to_string(count));
  std::vector<flow::unique_fd> hosts;
  for (std::uint32_t i = 0; i < count; ++i) {
    hosts.push_back(vm().accept(80));
    std::uint32_t number = ~0U;
    ASSERT_EQ(::recv(hosts.back().get(), &number, sizeof number, MSG_WAITALL), 4);
    ASSERT_EQ(number, i);
    ::send(hosts.back().get(), &number, sizeof number, 0);
  }
  EXPECT_EQ(vm().answer().substr(0, 7), "ok 2000");
}

TEST_F(VsockVm, MoreConnectionsThanAllowedAreRefused) {
  rlimit many{};
  ::getrlimit(RLIMIT_NOFILE, &many);
  many.rlim_cur = many.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &many);
  vm().command("many 80 " + std::to_string(flow::device::max_connections + 1));
  std::vector<flow::unique_fd> hosts;
  // The control connection counts as one.
  for (std::size_t i = 0; i + 1 < flow::device::max_connections; ++i) {
    hosts.push_back(vm().accept(80));
  }
  EXPECT_EQ(vm().answer().substr(0, 5), "errno");
}

TEST_F(VsockVm, ThousandConnectionsOneAfterAnother) {
  for (int i = 0; i < 1000; ++i) {
    vm().command("drop 80 100");
    const auto host = vm().accept(80);
    ASSERT_EQ(read_to_end(host.get()), checksum_of(100)) << i;
    vm().answer();
  }
}

// Longer than the eight seconds after which the guest's kernel gives up on a close.
TEST_F(VsockVm, GuestsCloseDeliversToAReaderThatStalls) {
  constexpr std::uint64_t bytes = 300000;
  vm().command("drop 80 " + std::to_string(bytes));
  const auto host = vm().accept(80);
  EXPECT_EQ(vm().answer(), virtual_machine::expected(checksum_of(bytes)));
  ::poll(nullptr, 0, 10000);
  EXPECT_EQ(read_to_end(host.get()), checksum_of(bytes));
}

TEST_F(VsockVm, SlowReaderGetsEverything) {
  constexpr std::uint64_t bytes = 2 * mebibyte;
  vm().command("send 80 " + std::to_string(bytes));
  const auto host = vm().accept(80);
  vm_test::checksum sum;
  std::array<char, 4096> part;
  for (int i = 0; sum.bytes < bytes; ++i) {
    if (i % 64 == 0) {
      ::poll(nullptr, 0, 50);
    }
    const auto n = ::recv(host.get(), part.data(), part.size(), 0);
    ASSERT_GT(n, 0);
    sum.add(part.data(), static_cast<std::size_t>(n));
  }
  ::shutdown(host.get(), SHUT_WR);
  EXPECT_EQ(vm().answer(), virtual_machine::expected(sum));
}

TEST_F(VsockVm, GuestThatClosesWithBytesUnreadStillDeliversItsOwn) {
  vm().command("deaf 80 200000");
  const auto host = vm().accept(80);
  vm_test::checksum ignored;
  send_pattern(host.get(), 100000, ignored);
  EXPECT_EQ(read_to_end(host.get()), checksum_of(200000));
  vm().answer();
}

TEST_F(VsockVm, StalledReaderStopsNobodyElse) {
  vm().command("hold 81");
  const auto stalled = vm().accept(81);
  vm().answer();
  vm().command("drop 82 400000");
  const auto deaf = vm().accept(82);
  EXPECT_EQ(vm().answer().substr(0, 2), "ok");
  vm().command("send 80 " + std::to_string(10 * mebibyte));
  const auto host = vm().accept(80);
  EXPECT_EQ(read_to_end(host.get()), checksum_of(10 * mebibyte));
  ::shutdown(host.get(), SHUT_WR);
  vm().answer();
  EXPECT_EQ(read_to_end(deaf.get()), checksum_of(400000));
  vm().command("release");
  vm().answer();
}

TEST_F(VsockVm, PausedMachineGoesOnWhereItWas) {
  vm().command("echo 80");
  const auto host = vm().accept(80);
  std::array<char, 5> back{};
  ::send(host.get(), "one", 3, 0);
  ASSERT_EQ(::recv(host.get(), back.data(), 3, MSG_WAITALL), 3);
  vm().monitor("stop");
  ::send(host.get(), "two", 3, 0);
  vm().monitor("cont");
  ASSERT_EQ(::recv(host.get(), back.data(), 3, MSG_WAITALL), 3);
  EXPECT_EQ(std::string(back.data(), 3), "two");
  ::shutdown(host.get(), SHUT_WR);
  EXPECT_EQ(vm().answer().substr(0, 4), "ok 6");
}

TEST_F(VsockVm, RebootEndsTheOldConnectionsAndServesNewOnes) {
  vm().command("hold 80");
  const auto old = vm().accept(80);
  vm().answer();
  vm().command("reboot");
  vm().accept_control();
  EXPECT_EQ(read_to_end(old.get()).bytes, 0U);
  vm().command("send 80 1000");
  const auto host = vm().accept(80);
  EXPECT_EQ(read_to_end(host.get()), checksum_of(1000));
  ::shutdown(host.get(), SHUT_WR);
  EXPECT_EQ(vm().answer().substr(0, 7), "ok 1000");
}

namespace {

class VsockVmAlone : public ::testing::Test {
 protected:
  void SetUp() override {}
};

}  // namespace

TEST_F(VsockVmAlone, KilledMachineLosesNothingThatWasReceived) {
  virtual_machine vm;
  vm.command("drop 80 300000");
  const auto host = vm.accept(80);
  vm.answer();
  ::kill(vm.qemu(), SIGKILL);
  EXPECT_EQ(read_to_end(host.get()), checksum_of(300000));
  EXPECT_EQ(vm.wait_for_vsockd(), 0);
}

TEST_F(VsockVmAlone, PowerOffIsACleanEnd) {
  virtual_machine vm;
  vm.command("poweroff");
  EXPECT_EQ(vm.wait_for_vsockd(), 0);
}

TEST_F(VsockVmAlone, HybridFormBothWays) {
  const temporary_directory directory;
  const auto path = directory / "v.sock";
  virtual_machine vm(path);
  auto listener = flow::listen_unix(path + "_80");
  ASSERT_TRUE(listener);
  vm.command("send 80 100000");
  pollfd p{listener->get(), POLLIN, 0};
  ASSERT_EQ(::poll(&p, 1, 60000), 1);
  auto host = flow::accept_unix(listener->get());
  ASSERT_TRUE(host);
  EXPECT_EQ(read_to_end(host->get()), checksum_of(100000));
  ::shutdown(host->get(), SHUT_WR);
  EXPECT_EQ(vm.answer(), virtual_machine::expected(checksum_of(100000)));

  vm.command("listen 22");
  std::string reply;
  // The guest may not be listening yet.
  while (!reply.starts_with("OK ")) {
    auto client = flow::connect_unix(path);
    ASSERT_TRUE(client);
    ASSERT_EQ(::send(client->get(), "CONNECT 22\nhello", 16, 0), 16);
    ::shutdown(client->get(), SHUT_WR);
    reply.clear();
    std::array<char, 64> part;
    pollfd readable{client->get(), POLLIN, 0};
    for (ssize_t n = 1; n > 0;) {
      ASSERT_EQ(::poll(&readable, 1, 60000), 1);
      n = ::recv(client->get(), part.data(), part.size(), 0);
      reply.append(part.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
    }
  }
  EXPECT_EQ(reply.substr(reply.find('\n') + 1), "hello");
  EXPECT_EQ(vm.answer().substr(0, 4), "ok 5");
}
