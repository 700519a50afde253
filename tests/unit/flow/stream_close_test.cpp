// The two halves, the close handshake with peers of every kind, and abort.
#include <boost/asio/error.hpp>

#include "tests/unit/flow/stream_fixture.hpp"

using namespace std::chrono_literals;
using namespace tests;
namespace asio = boost::asio;

TEST(StreamHalfClose, TheOtherDirectionGoesOn) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    const auto written = co_await write_error(f.s, "question");
    EXPECT_EQ(written, flow::error_code());
    const auto ended = co_await f.s.shutdown_write();
    EXPECT_TRUE(ended);
    EXPECT_EQ(f.peer.received(), "Data 8, ShutdownWrite");
    const auto refused = co_await write_error(f.s);
    EXPECT_EQ(refused, errc::closed);
    f.peer.send(data("answer"), frame_code::shutdown_write);
    flow::error_code ending;
    const auto all = co_await read_to_end(f.s, &ending);
    EXPECT_EQ(all, "answer");
    EXPECT_EQ(ending, asio::error::eof);
    EXPECT_FALSE(f.link.first_closed());
  });
}

TEST(StreamHalfClose, EveryShutdownMayBeRepeatedAndSaysNothingTwice) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    for (int i = 0; i < 3; ++i) {
      const auto w = co_await f.s.shutdown_write();
      const auto r = co_await f.s.shutdown_read();
      EXPECT_TRUE(w && r);
    }
    EXPECT_EQ(f.peer.received(), "ShutdownWrite, ShutdownRead");
  });
}

TEST(StreamHalfClose, ShutdownReadDiscardsWhatWasReadAheadAndEndsAnOutstandingRead) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.peer.send(data(pattern(1000)));
    co_await turns(executor);
    const auto stopped = co_await f.s.shutdown_read();
    EXPECT_TRUE(stopped);
    const auto reading = co_await read_error(f.s);
    EXPECT_EQ(reading, asio::error::eof);
    const auto writing = co_await write_error(f.s);
    EXPECT_EQ(writing, flow::error_code());

    stream_fixture g(executor);
    started waiting(executor, read_error(g.s));
    co_await turns(executor);
    const auto also = co_await g.s.shutdown_read();
    EXPECT_TRUE(also);
    co_await turns(executor);
    EXPECT_EQ(*waiting, asio::error::eof);

    f.peer.send(data(pattern(500)), frame_code::close);
    started closing(executor, f.s.close(1h));
    co_await turns(executor);
    f.peer.close();
    co_await turns(executor);
    EXPECT_EQ(closing->discarded, 1500U);
  });
}

// Behind unread data, the peer's frames are parsed as far as the read-ahead reaches.
TEST(StreamHalfClose, ControlFramesBehindUnreadDataAreHeard) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.peer.send(data(pattern(4096)), data(pattern(4096)), frame_code::shutdown_read,
                data(pattern(10)), frame_code::close);
    co_await turns(executor);
    EXPECT_TRUE(f.s.peer_closed());
    const auto writing = co_await write_error(f.s);
    EXPECT_EQ(writing, errc::closed);
    flow::error_code ending;
    const auto all = co_await read_to_end(f.s, &ending);
    EXPECT_EQ(all, pattern(4096) + pattern(4096) + pattern(10));
    EXPECT_EQ(ending, asio::error::eof);
  });
}

TEST(StreamHalfClose, DataAfterShutdownWriteIsAProtocolError) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.peer.send(data("said"), frame_code::shutdown_write, data("and more"));
    flow::error_code ending;
    const auto all = co_await read_to_end(f.s, &ending);
    EXPECT_EQ(all, "said");
    EXPECT_EQ(ending, errc::protocol);
    const auto r = co_await f.s.close(1h);
    EXPECT_EQ(r.reason, errc::protocol);
  });
}

TEST(StreamHalfClose, ShutdownWriteThatCannotBeSentSaysSo) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.link.to_second().write_failure = asio::error::broken_pipe;
    const auto ended = co_await f.s.shutdown_write();
    EXPECT_EQ(ended.error().code(), errc::reset);
  });
}

TEST(StreamClose, TwoStreamsCloseEachOtherWhoeverBegins) {
  co_test([](auto executor) -> awaitable<void> {
    for (int order = 0; order < 3; ++order) {
      stream_pair p(executor);
      started first(executor, (order == 1 ? p.b : p.a).close(1h));
      if (order != 2) {
        co_await turns(executor);
      }
      started second(executor, (order == 1 ? p.a : p.b).close(1h));
      co_await turns(executor);
      EXPECT_TRUE(first.done() && second.done());
      EXPECT_TRUE(first->acknowledged && second->acknowledged);
      EXPECT_TRUE(p.link.first_closed() && p.link.second_closed());
      EXPECT_EQ(first->reason, flow::error_code());
      EXPECT_EQ(second->peer_first, order != 2);
    }
  });
}

TEST(StreamClose, ThePeersCloseIsAnsweredWithoutTheApplication) {
  co_test([](auto executor) -> awaitable<void> {
    stream_pair p(executor);
    const auto r = co_await p.a.close(1h);
    EXPECT_TRUE(r.acknowledged);
    EXPECT_FALSE(r.peer_first);
    co_await turns(executor);
    EXPECT_TRUE(p.link.second_closed());
    const auto theirs = co_await p.b.close(1h);
    EXPECT_TRUE(theirs.acknowledged);
    EXPECT_TRUE(theirs.peer_first);
  });
}

TEST(StreamClose, DataBeforeThePeersCloseIsDeliveredLongAfterTheTransportIsGone) {
  co_test([](auto executor) -> awaitable<void> {
    stream_pair p(executor);
    const auto written = co_await write_error(p.a, pattern(50'000));
    EXPECT_EQ(written, flow::error_code());
    const auto r = co_await p.a.close(1h);
    EXPECT_TRUE(r.acknowledged);
    co_await turns(executor);
    EXPECT_TRUE(p.link.first_closed() && p.link.second_closed());
    flow::error_code ending;
    const auto all = co_await read_to_end(p.b, &ending, 1000);
    EXPECT_TRUE(all == pattern(50'000));
    EXPECT_EQ(ending, asio::error::eof);
  });
}

TEST(StreamClose, ASecondCloseWaitsForTheSameEnd) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    started first(executor, f.s.close(1h));
    started second(executor, f.s.close(1h));
    co_await turns(executor);
    EXPECT_FALSE(first.done() || second.done());
    f.peer.send(frame_code::close);
    co_await turns(executor);
    EXPECT_TRUE(first->acknowledged && second->acknowledged);
    const auto third = co_await f.s.close(0s);
    EXPECT_TRUE(third.acknowledged);
    EXPECT_EQ(f.peer.received(), "Close, End");
  });
}

TEST(StreamClose, ABlockedWriteIsReleasedAtOnceAndItsFrameFinished) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.link.to_second().capacity = 6000;
    started writing(executor, write_error(f.s, pattern(20'000)));
    co_await turns(executor);
    started closing(executor, f.s.close(1h));
    co_await turns(executor);
    EXPECT_EQ(*writing, errc::closed);
    EXPECT_EQ(f.peer.received(), "Data 4096");
    co_await turns(executor);
    EXPECT_EQ(f.peer.received(), "Data 4096, Close");
    EXPECT_EQ(f.peer.payload, pattern(8192));
    f.peer.send(frame_code::close);
    co_await turns(executor);
    EXPECT_TRUE(closing->acknowledged);
  });
}

TEST(StreamClose, CloseFlushesAShutdownWriteThatIsOnItsWay) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.link.to_second().capacity = 2;
    started ending(executor, f.s.shutdown_write());
    co_await turns(executor);
    EXPECT_FALSE(ending.done());
    started closing(executor, f.s.close(1h));
    std::string frames;
    for (int i = 0; i < 10; ++i) {
      const auto more = f.peer.received();
      frames += more.empty() || frames.empty() ? more : ", " + more;
      co_await turns(executor);
    }
    EXPECT_EQ(frames, "ShutdownWrite, Close");
    EXPECT_TRUE(ending.done() && *ending);
    f.s.abort();
    co_await turns(executor);
    EXPECT_TRUE(closing.done());
  });
}

TEST(StreamClose, EndOfTheTransportWithoutCloseIsNotAcknowledged) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    started closing(executor, f.s.close(1h));
    co_await turns(executor);
    f.peer.close();
    co_await turns(executor);
    EXPECT_FALSE(closing->acknowledged);
    EXPECT_EQ(closing->reason, errc::truncated);

    stream_fixture g(executor);
    g.link.reset();
    co_await turns(executor);
    const auto r = co_await g.s.close(1h);
    EXPECT_FALSE(r.acknowledged);
    EXPECT_EQ(r.reason, errc::reset);
  });
}

// A peer that sends Close and disconnects before the answer: nothing is lost, so it is not
// an error.
TEST(StreamClose, APeerThatDoesNotWaitForTheAnswerHasStillClosed) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.peer.send(data("last words"), frame_code::close);
    f.peer.close();
    flow::error_code ending;
    const auto all = co_await read_to_end(f.s, &ending);
    EXPECT_EQ(all, "last words");
    EXPECT_EQ(ending, asio::error::eof);
    const auto r = co_await f.s.close(1h);
    EXPECT_TRUE(r.acknowledged);
  });
}

TEST(StreamClose, FramesAfterThePeersCloseAreIgnored) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.peer.send(data("x"), frame_code::close, header(0xffffffff), frame_code::close);
    co_await turns(executor);
    f.peer.send(pattern(100));
    flow::error_code ending;
    const auto all = co_await read_to_end(f.s, &ending);
    EXPECT_EQ(all, "x");
    EXPECT_EQ(ending, asio::error::eof);
    EXPECT_EQ(f.peer.received(), "Close");
  });
}

// The passive end waits for the end of the transport, with its own time limit.
TEST(StreamClose, AClosedPeerThatKeepsTheTransportOpenIsDroppedInTheEnd) {
  co_test([](auto executor) -> awaitable<void> {
    stream::options o;
    o.close_wait = 5ms;
    stream_fixture f(executor, o);
    f.peer.send(frame_code::close);
    const auto r = co_await f.s.close(1h);
    EXPECT_TRUE(r.acknowledged);
    EXPECT_EQ(r.reason, flow::error_code());
    EXPECT_TRUE(f.link.first_closed());
  });
}

// Also if it is full of unread data.
TEST(StreamClose, TheEndOfTheTransportIsSeenBehindAFullReadAhead) {
  co_test([](auto executor) -> awaitable<void> {
    stream::options o;
    o.read_ahead = 1004;
    o.close_wait = 1h;
    stream_fixture f(executor, o);
    f.peer.send(data(pattern(996)), frame_code::close);
    f.peer.close();
    co_await turns(executor);
    EXPECT_TRUE(f.link.first_closed());
    flow::error_code ending;
    const auto all = co_await read_to_end(f.s, &ending);
    EXPECT_EQ(all.size(), 996U);
  });
}

// The transport may end before the application has read all the data that came over it.
TEST(StreamClose, AfterTheEndOfTheTransportWhatWasNotReadIsDiscardedAndCounted) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.peer.send(data(pattern(1000)), frame_code::close);
    f.peer.close();
    co_await turns(executor);
    EXPECT_TRUE(f.link.first_closed());
    const auto r = co_await f.s.close(1h);
    EXPECT_TRUE(r.acknowledged);
    EXPECT_EQ(r.discarded, 1000U);
    const auto reading = co_await read_error(f.s);
    EXPECT_EQ(reading, errc::aborted);
  });
}

TEST(StreamHalfClose, ShutdownReadAfterTheEndOfTheTransportDiscardsWhatWasNotRead) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.peer.send(data(pattern(1000)));
    f.peer.close();
    co_await turns(executor);
    const auto stopped = co_await f.s.shutdown_read();
    EXPECT_TRUE(stopped);
    const auto reading = co_await read_error(f.s);
    EXPECT_EQ(reading, asio::error::eof);
    const auto r = co_await f.s.close(1h);
    EXPECT_EQ(r.discarded, 1000U);
    EXPECT_EQ(r.reason, errc::truncated);
  });
}

TEST(StreamAbort, EverythingOutstandingCompletesWithAborted) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.link.to_second().capacity = 10;
    started reading(executor, read_error(f.s));
    started writing(executor, write_error(f.s, pattern(100)));
    started ending(executor, f.s.shutdown_write());
    started closing(executor, f.s.wait_peer_closed());
    co_await turns(executor);
    f.s.abort();
    co_await turns(executor);
    EXPECT_EQ(*reading, errc::aborted);
    EXPECT_EQ(*writing, errc::aborted);
    EXPECT_EQ(ending->error().code(), errc::aborted);
    EXPECT_TRUE(f.link.first_closed());
    EXPECT_TRUE(f.s.peer_closed());
    const auto r = co_await f.s.close(1h);
    EXPECT_EQ(r.reason, errc::aborted);
    f.s.abort();
  });
}

TEST(StreamAbort, AbortEndsACloseThatWaits) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    started closing(executor, f.s.close(1h));
    co_await turns(executor);
    f.s.abort();
    co_await turns(executor);
    EXPECT_FALSE(closing->acknowledged);
    EXPECT_EQ(closing->reason, errc::aborted);
  });
}

TEST(StreamAbort, DestructionAbortsAndItsOperationsOutliveTheStream) {
  co_test([](auto executor) -> awaitable<void> {
    flow::testing::memory_link link(executor);
    auto s = std::make_unique<stream>(link.first());
    auto peer = link.second();
    link.to_second().capacity = 10;
    std::string buffer(10, '\0');
    const std::string bytes = pattern(100);
    started reading(executor, s->read_some(asio::buffer(buffer)));
    started writing(executor, s->write(asio::buffer(bytes)));
    started closing(executor, s->wait_peer_closed());
    co_await turns(executor);
    s.reset();
    co_await turns(executor);
    EXPECT_EQ(reading->error().code(), errc::aborted);
    EXPECT_EQ(writing->error().code(), errc::aborted);
    EXPECT_TRUE(closing.done());
    EXPECT_TRUE(link.first_closed());
  });
}

TEST(StreamAbort, MovingKeepsTheConnection) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    stream moved(std::move(f.s));
    f.peer.send(data("abc"));
    flow::testing::memory_link other(executor);
    stream assigned(other.first());
    assigned = std::move(moved);
    EXPECT_TRUE(other.first_closed());
    std::string buffer(10, '\0');
    const auto n = co_await assigned.read_some(asio::buffer(buffer));
    EXPECT_EQ(n.value(), 3U);
  });
}

TEST(StreamAbort, WaitPeerClosedReturnsOnCloseAndOnTheEnd) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    started closed(executor, f.s.wait_peer_closed());
    f.peer.send(frame_code::shutdown_write, frame_code::shutdown_read);
    co_await turns(executor);
    EXPECT_FALSE(closed.done());
    EXPECT_FALSE(f.s.peer_closed());
    f.peer.send(frame_code::close);
    co_await turns(executor);
    EXPECT_TRUE(closed.done());

    stream_fixture g(executor);
    started ended(executor, g.s.wait_peer_closed());
    g.peer.close();
    co_await turns(executor);
    EXPECT_TRUE(ended.done());
    EXPECT_TRUE(g.s.peer_closed());
  });
}

// Destroying a context destroys the outstanding operations of its streams.
TEST(StreamAbort, OutstandingOperationsDieWithTheContext) {
  bool completed = false;
  {
    asio::io_context context(1);
    flow::testing::memory_link link(context.get_executor());
    stream s(link.first());
    auto peer = link.second();
    std::string buffer(10, '\0');
    s.async_read_some(asio::buffer(buffer),
                      [&completed](flow::error_code, std::size_t) { completed = true; });
    context.poll();
  }
  EXPECT_FALSE(completed);
}
