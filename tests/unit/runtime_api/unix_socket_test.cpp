#include "runtime_api/ttrpc/unix_socket.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <vector>

#include "flow/system/pipe.hpp"
#include "flow/system/unix_socket.hpp"
#include "flow/task_group.hpp"
#include "runtime_api/ttrpc/status.hpp"
#include "tests/support/co_test.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/runtime_api/test_service.hpp"

using flow::awaitable;
using flow::unique_fd;
using tests::co_test;
using tests::test_client;
using tests::test_server;

namespace {

// A listening socket in a directory of its own.
struct listening_socket {
  explicit listening_socket(int backlog = 16) : fd(flow::listen_unix(path, backlog).value()) {}

  tests::temporary_directory directory;
  std::string path = directory / "s";
  unique_fd fd;
};

}  // namespace

TEST(TtrpcUnixSocket, ListenerServesSeveralConnectionsUntilClosed) {
  co_test([](auto executor) -> awaitable<void> {
    listening_socket socket;
    test_server server(executor);
    ttrpc::unix_listener listener(executor, std::move(socket.fd), server.server, server.log);
    flow::task_group tasks(executor,
                           [](const std::string&, const std::exception_ptr&) { ADD_FAILURE(); });
    tasks.spawn("listener", listener.run());
    for (int i = 0; i < 3; ++i) {
      auto stream = co_await ttrpc::connect_unix(socket.path);
      EXPECT_TRUE(stream.has_value());
      test_client client(executor, std::move(*stream));
      const auto answer = co_await client.test.echo(tests::text("x"));
      EXPECT_TRUE(answer.has_value());
      co_await client.stop();
    }
    listener.close();
    co_await tasks.join();
    const auto refused = co_await ttrpc::connect_unix(socket.path);
    EXPECT_EQ(refused.error().code().value(), ECONNREFUSED);
    EXPECT_EQ(ttrpc::code_of(refused.error().code()), ttrpc::code::unavailable);
    co_await server.stop();
  });
}

TEST(TtrpcUnixSocket, ListenerWhoseBacklogIsFullIsAnError) {
  co_test([](auto /*executor*/) -> awaitable<void> {
    const listening_socket socket(0);
    std::vector<unique_fd> waiting;
    for (auto fd = flow::connect_unix(socket.path); fd; fd = flow::connect_unix(socket.path)) {
      waiting.push_back(std::move(*fd));
    }
    const auto refused = co_await ttrpc::connect_unix(socket.path);
    EXPECT_FALSE(refused.has_value());
    if (!refused) {
      EXPECT_EQ(refused.error().code().value(), EAGAIN);
    }
  });
}

TEST(TtrpcUnixSocket, PathThatIsTooLongIsAnError) {
  co_test([](auto /*executor*/) -> awaitable<void> {
    const auto refused = co_await ttrpc::connect_unix(std::string(108, 'x'));
    EXPECT_EQ(refused.error().code().value(), ENAMETOOLONG);
  });
}

TEST(TtrpcUnixSocket, OwnUserIsAccepted) {
  const auto pair = flow::make_socket_pair(SOCK_STREAM);
  ASSERT_TRUE(pair);
  EXPECT_TRUE(ttrpc::require_same_user(pair->ours.get()).has_value());
}

TEST(TtrpcUnixSocket, AnotherUserIsRefused) {
  if (::geteuid() != 0) {
    GTEST_SKIP() << "needs root to become someone else";
  }
  for (const bool change_group : {false, true}) {
    // Credentials are those at the time of socketpair(2), so change the user afterwards.
    const auto pair = flow::make_socket_pair(SOCK_STREAM);
    ASSERT_TRUE(pair);
    ASSERT_EQ(change_group ? ::setegid(65534) : ::seteuid(65534), 0);
    const auto refused = ttrpc::require_same_user(pair->ours.get());
    ASSERT_EQ(change_group ? ::setegid(0) : ::seteuid(0), 0);
    ASSERT_FALSE(refused.has_value());
    EXPECT_EQ(refused.error().code(), ttrpc::code::permission_denied);
    EXPECT_EQ(refused.error().context(), "peer has uid 0 gid 0");
  }
}

TEST(TtrpcUnixSocket, CredentialsOfWhatIsNoSocketAreAnError) {
  const auto refused = ttrpc::require_same_user(-1);
  EXPECT_EQ(refused.error().code().value(), EBADF);
}
