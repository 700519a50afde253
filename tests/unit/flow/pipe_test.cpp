#include "flow/system/pipe.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <cerrno>

namespace {

bool closes_on_exec(const flow::unique_fd& fd) {
  return (::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0;
}

bool never_blocks(const flow::unique_fd& fd) {
  return (::fcntl(fd.get(), F_GETFL) & O_NONBLOCK) != 0;
}

int socket_type(const flow::unique_fd& fd) {
  int type = 0;
  socklen_t size = sizeof(type);
  EXPECT_EQ(::getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &type, &size), 0);
  return type;
}

// Every request for another descriptor fails as long as this lives.
class no_more_descriptors {
 public:
  no_more_descriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit none{0, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  no_more_descriptors(const no_more_descriptors&) = delete;
  no_more_descriptors& operator=(const no_more_descriptors&) = delete;
  ~no_more_descriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

}  // namespace

TEST(Pipe, ReaderGetsWhatTheWriterIsGiven) {
  const auto ends = flow::make_pipe();
  ASSERT_TRUE(ends);
  ASSERT_EQ(::write(ends->writer.get(), "x", 1), 1);
  char byte = 0;
  EXPECT_EQ(::read(ends->reader.get(), &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
}

TEST(Pipe, EndsCloseOnExecAndBlockUnlessToldNotTo) {
  const auto blocking = flow::make_pipe();
  const auto other = flow::make_pipe(O_NONBLOCK);
  ASSERT_TRUE(blocking && other);
  for (const auto* end : {&blocking->reader, &blocking->writer}) {
    EXPECT_TRUE(closes_on_exec(*end));
    EXPECT_FALSE(never_blocks(*end));
  }
  for (const auto* end : {&other->reader, &other->writer}) {
    EXPECT_TRUE(closes_on_exec(*end));
    EXPECT_TRUE(never_blocks(*end));
  }
}

TEST(Pipe, ShortageOfDescriptorsIsAnError) {
  const no_more_descriptors shortage;
  const auto ends = flow::make_pipe();
  const auto sockets = flow::make_socket_pair(SOCK_STREAM);
  ASSERT_FALSE(ends);
  ASSERT_FALSE(sockets);
  EXPECT_EQ(ends.error().code().value(), EMFILE);
  EXPECT_EQ(sockets.error().code().value(), EMFILE);
}

TEST(SocketPair, EndsAreConnectedAndOfTheTypeAskedFor) {
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET}) {
    const auto pair = flow::make_socket_pair(type);
    ASSERT_TRUE(pair);
    EXPECT_EQ(socket_type(pair->ours), type);
    EXPECT_EQ(socket_type(pair->theirs), type);
    ASSERT_EQ(::write(pair->theirs.get(), "x", 1), 1);
    char byte = 0;
    EXPECT_EQ(::read(pair->ours.get(), &byte, 1), 1);
    EXPECT_EQ(byte, 'x');
  }
}

TEST(SocketPair, EndsCloseOnExecAndBlockUnlessToldNotTo) {
  const auto blocking = flow::make_socket_pair(SOCK_STREAM);
  const auto other = flow::make_socket_pair(SOCK_STREAM | SOCK_NONBLOCK);
  ASSERT_TRUE(blocking && other);
  for (const auto* end : {&blocking->ours, &blocking->theirs}) {
    EXPECT_TRUE(closes_on_exec(*end));
    EXPECT_FALSE(never_blocks(*end));
  }
  for (const auto* end : {&other->ours, &other->theirs}) {
    EXPECT_TRUE(closes_on_exec(*end));
    EXPECT_TRUE(never_blocks(*end));
  }
}
