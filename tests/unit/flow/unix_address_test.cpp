#include "flow/system/unix_address.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "flow/system/unix_socket.hpp"
#include "tests/support/temporary_directory.hpp"

using flow::to_unix_address;

TEST(UnixAddress, HoldsThePath) {
  const auto address = to_unix_address("/run/x");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->sun_family, AF_UNIX);
  EXPECT_STREQ(address->sun_path, "/run/x");
}

TEST(UnixAddress, LongestPathEndsWithAZeroByte) {
  const std::string longest(107, 'x');
  const auto address = to_unix_address(longest);
  ASSERT_TRUE(address);
  EXPECT_EQ(address->sun_path, longest);
}

TEST(UnixAddress, PathThatDoesNotFitIsAnErrorThatNamesIt) {
  const std::string path(108, 'x');
  const auto address = to_unix_address(path);
  ASSERT_FALSE(address);
  EXPECT_EQ(address.error().code().value(), ENAMETOOLONG);
  EXPECT_EQ(address.error().message(),
            "unix socket " + path + ": 108 bytes, at most 107 fit: File name too long");
}

TEST(UnixAddress, PathThatNamesNoFileIsAnError) {
  for (const auto& path : {std::string(), std::string("\0abstract", 9), std::string("a\0b", 3)}) {
    const auto address = to_unix_address(path);
    ASSERT_FALSE(address);
    EXPECT_EQ(address.error().code(), flow::errc::invalid_argument);
  }
}

TEST(UnixSocket, ClientReachesTheListenerAtItsPath) {
  const tests::temporary_directory directory;
  const auto listener = flow::listen_unix(directory / "s");
  ASSERT_TRUE(listener);
  EXPECT_EQ(flow::accept_unix(listener->get()).error().code().value(), EAGAIN);
  const auto client = flow::connect_unix(directory / "s");
  ASSERT_TRUE(client);
  const auto accepted = flow::accept_unix(listener->get());
  ASSERT_TRUE(accepted);
  ASSERT_EQ(::send(client->get(), "x", 1, 0), 1);
  char byte = 0;
  EXPECT_EQ(::recv(accepted->get(), &byte, 1, 0), 1);
}

TEST(UnixSocket, PathThatIsTakenOrThatNobodyServesIsAnError) {
  const tests::temporary_directory directory;
  EXPECT_EQ(flow::connect_unix(directory / "s").error().code().value(), ENOENT);
  auto listener = flow::listen_unix(directory / "s");
  ASSERT_TRUE(listener);
  EXPECT_EQ(flow::listen_unix(directory / "s").error().code().value(), EADDRINUSE);
  listener->reset();
  EXPECT_EQ(flow::connect_unix(directory / "s").error().code().value(), ECONNREFUSED);
}
