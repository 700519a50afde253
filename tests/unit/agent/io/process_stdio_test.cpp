#include "agent/io/process_stdio.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "runtime_api/ttrpc/status.hpp"
#include "tests/unit/agent/agent_fixture.hpp"
#include "tests/unit/agent/io/descriptors.hpp"
#include "tests/unit/flow/stream_fixture.hpp"

using flow::awaitable;
using hvsock::agent::v1::Stdio;
using namespace tests;

namespace {

struct bench {
  explicit bench(const boost::asio::any_io_executor& e)
      : executor(e),
        log(STDERR_FILENO, flow::log::level::error),
        shim(executor),
        dialer(executor, shim.dialer()),
        stdio(executor, log) {}

  awaitable<void> open(Stdio wanted) {
    const auto opened = co_await stdio.open(dialer, wanted);
    EXPECT_TRUE(opened) << failure_of(opened);
  }

  // Keeps the process's end of a pipe, as the process would.
  descriptor keep(int fd) {
    const int mine = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
    EXPECT_EQ(::fcntl(mine, F_SETFL, O_NONBLOCK), 0);
    return {executor, mine};
  }

  awaitable<flow::stream*> stream(std::string name) {
    co_return co_await shim.stream(token_of("1 " + name));
  }

  boost::asio::any_io_executor executor;
  flow::log log;
  fake_shim shim;
  agent::shim_dialer dialer;
  agent::process_stdio stdio;
};

awaitable<void> close_stream(flow::stream* s) {
  co_await s->close(std::chrono::seconds(10));
}

}  // namespace

TEST(ProcessStdio, ProcessHasAPipeForEachStreamAndNoneForTheOthers) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    Stdio wanted;
    wanted.mutable_stdout()->set_token(token_of("1 stdout"));
    co_await b.open(wanted);
    const auto ends = b.stdio.process_ends();
    EXPECT_EQ(ends.in, -1);
    EXPECT_EQ(ends.err, -1);
    EXPECT_EQ(::fcntl(ends.out, F_GETFL) & (O_ACCMODE | O_NONBLOCK), O_WRONLY)
        << "a process expects a blocking stdout";
    b.stdio.close_process_ends();
    EXPECT_EQ(b.stdio.process_ends().out, -1);
  });
}

TEST(ProcessStdio, TokenOfAnotherSizeIsRefusedBeforeTheShimIsDialled) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    for (const std::size_t size :
         {std::size_t{0}, guest_contract::token_size - 1, guest_contract::token_size + 1}) {
      Stdio wanted;
      wanted.mutable_stdout()->set_token(std::string(size, 'x'));
      const auto opened = co_await b.stdio.open(b.dialer, wanted);
      EXPECT_EQ(opened.error().code(), ttrpc::code::invalid_argument) << size;
    }
    EXPECT_EQ(b.shim.dialled, 0U);
  });
}

TEST(ProcessStdio, OutputStaysOpenUntilTheShimHasSaidClose) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    co_await b.open(agent_fixture::all_streams(1));
    auto out = b.keep(b.stdio.process_ends().out);
    b.stdio.close_process_ends();
    b.stdio.start();
    co_await write_all(out, "output");
    out.close();
    started<void> ended(executor, b.stdio.join());
    const auto from = co_await b.stream("stdout");
    flow::error_code ending;
    const auto read = co_await read_to_end(*from, &ending);
    EXPECT_EQ(read, "output");
    EXPECT_EQ(ending, boost::asio::error::eof);
    EXPECT_EQ(b.stdio.stdout_written_at_exit(), 6U);
    EXPECT_EQ(b.stdio.stderr_written_at_exit(), 0U);
    co_await turns(executor);
    EXPECT_FALSE(from->peer_closed());
    EXPECT_FALSE(ended.done());
    const auto closed = co_await from->close(std::chrono::seconds(10));
    EXPECT_TRUE(closed.acknowledged);
    const auto err = co_await b.stream("stderr");
    co_await close_stream(err);
    const auto in = co_await b.stream("stdin");
    co_await close_stream(in);
    co_await ended.wait();
  });
}

TEST(ProcessStdio, InputIsClosedByTheGuestOnceItIsWritten) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    Stdio wanted;
    wanted.mutable_stdin()->set_token(token_of("1 stdin"));
    co_await b.open(wanted);
    auto in = b.keep(b.stdio.process_ends().in);
    b.stdio.close_process_ends();
    b.stdio.start();
    started<void> ended(executor, b.stdio.join());
    const auto to = co_await b.stream("stdin");
    const std::string text = "input";
    co_await to->write(boost::asio::buffer(text));
    co_await to->shutdown_write();
    co_await to->wait_peer_closed();
    EXPECT_EQ(read_now(in), "input");
    co_await close_stream(to);
    co_await ended.wait();
  });
}

TEST(ProcessStdio, ProcessThatOutlivesItsDeletionLearnsThatNobodyReads) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    Stdio wanted;
    wanted.mutable_stdout()->set_token(token_of("1 stdout"));
    co_await b.open(wanted);
    auto out = b.keep(b.stdio.process_ends().out);
    b.stdio.close_process_ends();
    b.stdio.start();
    co_await turns(executor);
    b.stdio.finish();
    b.stdio.finish();
    const auto from = co_await b.stream("stdout");
    flow::error_code ending;
    co_await read_to_end(*from, &ending);
    EXPECT_EQ(ending, boost::asio::error::eof);
    EXPECT_EQ(::write(out.native_handle(), "x", 1), -1);
    EXPECT_EQ(errno, EPIPE);
    co_await close_stream(from);
    co_await b.stdio.join();
  });
}

TEST(ProcessStdio, TerminalThatIsHeldByOneWhoDoesNotReadIsGivenUp) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    co_await b.open(agent_fixture::terminal(1));
    auto ends = terminal(executor);
    make_raw(ends.process);
    b.stdio.attach_terminal(flow::unique_fd(ends.agent.release()));
    b.stdio.start();
    const auto both = co_await b.stream("stdout");
    const auto typed = pattern(200000);
    co_await both->write(boost::asio::buffer(typed));
    co_await turns(executor);
    b.stdio.finish();
    started<void> ended(executor, b.stdio.join());
    co_await close_stream(both);
    co_await ended.wait();
  });
}

TEST(ProcessStdio, AbortEndsEverythingInAnyState) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    co_await b.open(agent_fixture::all_streams(1));
    const auto in = co_await b.stream("stdin");
    auto out = b.keep(b.stdio.process_ends().out);
    auto kept_in = b.keep(b.stdio.process_ends().in);
    b.stdio.close_process_ends();
    b.stdio.start();
    // Input waits for the process, output for the shim, stderr for the process.
    const auto much = pattern(200000);
    co_await in->write(boost::asio::buffer(much));
    started<void> writing(executor, write_all(out, pattern(100000)));
    co_await turns(executor);
    b.stdio.abort();
    co_await b.stdio.join();
    out.close();
    co_await writing.wait();
  });
}

TEST(ProcessStdio, InputThatNobodyReadsIsGivenUpWhenTheProcessIsForgotten) {
  co_test([](auto executor) -> awaitable<void> {
    bench b(executor);
    Stdio wanted;
    wanted.mutable_stdin()->set_token(token_of("1 stdin"));
    co_await b.open(wanted);
    // A background child has it, and does not read.
    auto in = b.keep(b.stdio.process_ends().in);
    b.stdio.close_process_ends();
    b.stdio.start();
    started<void> ended(executor, b.stdio.join());
    const auto to = co_await b.stream("stdin");
    const std::string more_than_a_pipe(150000, 'x');
    const auto written = co_await to->write(boost::asio::buffer(more_than_a_pipe));
    EXPECT_TRUE(written);
    co_await turns(executor);
    EXPECT_FALSE(ended.done());
    b.stdio.finish();
    co_await close_stream(to);
    co_await ended.wait();
    in.close();
  });
}
