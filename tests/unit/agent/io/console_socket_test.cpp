#include "agent/io/console_socket.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "tests/support/temporary_directory.hpp"

using agent::console_socket;
using flow::unique_fd;
using tests::temporary_directory;

namespace {

struct pseudo_terminal {
  pseudo_terminal() {
    int m = -1;
    int s = -1;
    EXPECT_EQ(::openpty(&m, &s, nullptr, nullptr, nullptr), 0);
    master.reset(m);
    slave.reset(s);
  }
  unique_fd master;
  unique_fd slave;
};

unique_fd connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  unique_fd s(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(s.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  return s;
}

// Sends `text` with `descriptors`, as a runtime does, and goes.
void send(const std::string& path, std::string text, const std::vector<int>& descriptors) {
  const unique_fd s = connect_to(path);
  iovec part{text.data(), text.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    const auto size = descriptors.size() * sizeof(int);
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(header), descriptors.data(), size);
  }
  EXPECT_EQ(::sendmsg(s.get(), &message, 0), static_cast<ssize_t>(text.size()));
}

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator all("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// What is sent is refused and leaves no descriptor behind.
void expect_refused(const std::string& text, const std::vector<int>& descriptors) {
  const temporary_directory directory;
  auto console = console_socket::listen(directory / "console");
  ASSERT_TRUE(console);
  send(console->path(), text, descriptors);
  const auto before = open_descriptors();
  {
    const auto received = console->receive();
    ASSERT_FALSE(received);
    EXPECT_EQ(received.error().code(), flow::errc::protocol);
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace

TEST(ConsoleSocket, ReceivesTheMasterReadyToBeUsed) {
  const temporary_directory directory;
  pseudo_terminal pty;
  auto console = console_socket::listen(directory / "console");
  ASSERT_TRUE(console) << console.error().message();
  send(console->path(), "/dev/ptmx", {pty.master.get()});
  const auto master = console->receive();
  ASSERT_TRUE(master) << master.error().message();
  pty.master.reset();
  EXPECT_NE(::fcntl(master->get(), F_GETFL) & O_NONBLOCK, 0);
  EXPECT_NE(::fcntl(master->get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(::write(pty.slave.get(), "hi", 2), 2);
  char text[8] = {};
  EXPECT_EQ(::read(master->get(), text, sizeof(text)), 2);
  EXPECT_STREQ(text, "hi");
}

TEST(ConsoleSocket, NobodyWhoConnectedIsAFailureNotAWait) {
  const temporary_directory directory;
  auto console = console_socket::listen(directory / "console");
  ASSERT_TRUE(console);
  const auto received = console->receive();
  ASSERT_FALSE(received);
  EXPECT_EQ(received.error().code().value(), EAGAIN);
}

TEST(ConsoleSocket, SomebodyWhoSendsNothingIsAFailureNotAWait) {
  const temporary_directory directory;
  auto console = console_socket::listen(directory / "console");
  ASSERT_TRUE(console);
  const unique_fd silent = connect_to(console->path());
  EXPECT_FALSE(console->receive());
}

TEST(ConsoleSocket, SomebodyWhoSendsNothingAndGoesIsRefused) {
  const temporary_directory directory;
  auto console = console_socket::listen(directory / "console");
  ASSERT_TRUE(console);
  connect_to(console->path()).reset();
  EXPECT_EQ(console->receive().error().code(), flow::errc::protocol);
}

TEST(ConsoleSocket, GarbageWithoutADescriptorIsRefused) {
  expect_refused("garbage", {});
  expect_refused(std::string(100000, 'x'), {});
}

TEST(ConsoleSocket, MoreThanOneDescriptorIsRefusedAndNoneLeaks) {
  const pseudo_terminal pty;
  const int fd = pty.master.get();
  expect_refused("x", {fd, fd});
  expect_refused("x", {fd, fd, fd});
  expect_refused("x", {fd, fd, fd, fd, fd, fd, fd, fd});
}

TEST(ConsoleSocket, DescriptorThatIsNoTerminalIsRefused) {
  const unique_fd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  expect_refused("x", {null.get()});
}

TEST(ConsoleSocket, PathThatDoesNotFitIsRefused) {
  const auto console = console_socket::listen("/tmp/" + std::string(200, 'x'));
  ASSERT_FALSE(console);
  EXPECT_EQ(console.error().code().value(), ENAMETOOLONG);
}

TEST(ConsoleSocket, PathThatIsTakenOrNowhereIsAFailureThatNamesIt) {
  const temporary_directory directory;
  const auto console = console_socket::listen(directory / "console");
  ASSERT_TRUE(console);
  for (const auto& path : {directory / "console", directory / "missing/console"}) {
    const auto failed = console_socket::listen(path);
    ASSERT_FALSE(failed);
    EXPECT_NE(failed.error().message().find(path), std::string::npos);
  }
  EXPECT_TRUE(std::filesystem::exists(directory / "console")) << "it is the first one's";
}

TEST(ConsoleSocket, PathGoesWithTheLastOwner) {
  const temporary_directory directory;
  {
    auto console = console_socket::listen(directory / "console");
    ASSERT_TRUE(console);
    {
      const console_socket moved = std::move(console.value());
      EXPECT_TRUE(std::filesystem::exists(directory / "console"));
    }
    EXPECT_FALSE(std::filesystem::exists(directory / "console"));
  }
}
