#include "shim/bootstrap/listening_socket.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/temporary_directory.hpp"

using shim::bound_path;
using shim::listen_at;
using tests::temporary_directory;

TEST(ListeningSocket, IsForItsOwnerAlone) {
  const temporary_directory directory;
  const std::filesystem::path path = directory / "new/s/socket";
  const auto socket = listen_at(path);
  ASSERT_TRUE(socket) << socket.error().message();
  ASSERT_TRUE(socket.value());
  EXPECT_EQ(bound_path(*socket.value()), path);
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  ASSERT_EQ(::stat(path.parent_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST(ListeningSocket, IsNotTakenFromOneWhoServes) {
  const temporary_directory directory;
  const auto first = listen_at(directory / "s");
  ASSERT_TRUE(first && first.value());
  const auto second = listen_at(directory / "s");
  ASSERT_TRUE(second);
  EXPECT_FALSE(second.value());
}

TEST(ListeningSocket, OfTheDeadIsReplaced) {
  const temporary_directory directory;
  {
    ASSERT_TRUE(listen_at(directory / "s"));
  }
  const auto socket = listen_at(directory / "s");
  ASSERT_TRUE(socket);
  EXPECT_TRUE(socket.value());
}

TEST(ListeningSocket, NameThatASocketCannotHaveIsRefused) {
  const temporary_directory directory;
  EXPECT_TRUE(listen_at(directory / "s"));
  const auto socket = listen_at(directory / std::string(108, 'x'));
  ASSERT_FALSE(socket);
  EXPECT_NE(socket.error().message().find("too long"), std::string::npos);
}

TEST(ListeningSocket, DescriptorThatIsNoSocketHasNoName) {
  const flow::unique_fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(bound_path(file).empty());
}
