#include "shim/io/open_sink.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "flow/system/file.hpp"
#include "tests/support/co_test.hpp"
#include "tests/support/temporary_directory.hpp"

using flow::awaitable;
using flow::errc;
using tests::co_test;
using tests::temporary_directory;

namespace {

flow::result<std::unique_ptr<shim::sink>> open_sink(const boost::asio::any_io_executor& executor,
                                                    const std::string& uri) {
  return shim::open_sink(executor, shim::parse_stdio_uri(uri));
}

awaitable<void> write(shim::sink& to, std::string text) {
  const auto n = co_await to.write_some(flow::asio::buffer(text));
  EXPECT_TRUE(n) << n.error().message();
  EXPECT_EQ(n.value(), text.size());
}

}  // namespace

TEST(Sink, NoNameDropsEverything) {
  co_test([](auto executor) -> awaitable<void> {
    const auto sink = open_sink(executor, "");
    co_await write(*sink.value(), "into the void");
    EXPECT_EQ(sink.value()->unread(), 0U);
    EXPECT_TRUE(sink.value()->has_reader());
  });
}

TEST(Sink, FileIsMadeWithItsDirectoriesAndAppendedTo) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory directory;
    const auto file = directory / "logs/app/out.log";
    for (const char* text : {"first ", "second"}) {
      const auto sink = open_sink(executor, "file://" + file);
      EXPECT_TRUE(sink);
      co_await write(*sink.value(), text);
      EXPECT_EQ(sink.value()->unread(), 0U);
      EXPECT_TRUE(sink.value()->has_reader());
      sink.value()->close();
    }
    EXPECT_EQ(flow::read_file(file).value(), "first second");
  });
}

TEST(Sink, FileNameOfAUriMayHaveBlanks) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory directory;
    const auto sink = open_sink(executor, "file://" + (directory / "my%20app.log"));
    co_await write(*sink.value(), "x");
    EXPECT_EQ(flow::read_file(directory / "my app.log").value(), "x");
  });
}

TEST(Sink, PathThatIsNoFifoIsAppendedTo) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory directory;
    EXPECT_TRUE(flow::write_file(directory / "out", "before "));
    const auto sink = open_sink(executor, directory / "out");
    co_await write(*sink.value(), "after");
    EXPECT_EQ(flow::read_file(directory / "out").value(), "before after");
  });
}

TEST(Sink, PathThatDoesNotExistIsNotMade) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory directory;
    const auto sink = open_sink(executor, directory / "out");
    EXPECT_EQ(sink.error().code(), flow::error_code(ENOENT, boost::system::system_category()));
    EXPECT_FALSE(std::filesystem::exists(directory / "out"));
    co_return;
  });
}

TEST(Sink, NamesThatAreNotAcceptableAreInvalid) {
  co_test([](auto executor) -> awaitable<void> {
    for (const char* uri :
         {"gopher:///x", "stream://x", "file://relative", "file://", "relative", "fifo://x/y"}) {
      const auto sink = open_sink(executor, uri);
      EXPECT_FALSE(sink) << uri;
      EXPECT_EQ(sink.error().code(), flow::error_code(errc::invalid_argument)) << uri;
    }
    co_return;
  });
}

TEST(Sink, FileThatCannotBeOpenedIsNamed) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory directory;
    EXPECT_TRUE(flow::write_file(directory / "file", ""));
    for (const auto& uri : {"file://" + (directory / "file/out"), "file://" + (directory / "")}) {
      const auto sink = open_sink(executor, uri);
      EXPECT_FALSE(sink) << uri;
      EXPECT_NE(sink.error().message().find(directory / ""), std::string::npos);
    }
    co_return;
  });
}

TEST(Sink, FullDiskIsAnError) {
  co_test([](auto executor) -> awaitable<void> {
    const auto sink = open_sink(executor, "file:///dev/full");
    const auto n = co_await sink.value()->write_some(flow::asio::buffer("x", 1));
    EXPECT_EQ(n.error().code(), flow::error_code(ENOSPC, boost::system::system_category()));
  });
}

TEST(Sink, FileThatWasClosedTakesNothing) {
  co_test([](auto executor) -> awaitable<void> {
    const temporary_directory directory;
    const auto sink = open_sink(executor, "file://" + (directory / "out"));
    sink.value()->close();
    sink.value()->close();
    const auto n = co_await sink.value()->write_some(flow::asio::buffer("x", 1));
    EXPECT_EQ(n.error().code(), flow::error_code(errc::aborted));
  });
}
