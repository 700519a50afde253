// Transports that misbehave, each a model of a real one, and every operation failing once.
#include <boost/asio/error.hpp>

#include "tests/unit/flow/stream_fixture.hpp"

using namespace std::chrono_literals;
using namespace tests;
namespace asio = boost::asio;
using flow::testing::memory_link;
using flow::testing::on_close;

// Proxies that drop data in flight when an end closes: the end that answers a Close keeps its
// transport until the peer has closed, so there is no data in flight to drop.
TEST(StreamFault, NothingIsLostOnATransportThatDropsDataInFlightOnClose) {
  co_test([](auto executor) -> awaitable<void> {
    stream_pair p(executor);
    p.link.to_first().closing = p.link.to_second().closing = on_close::drop;
    p.link.to_second().capacity = 5000;
    const std::string text = pattern(60'000);
    started writing(executor, p.a.write(asio::buffer(text)));
    flow::error_code ending;
    started reading(executor, read_to_end(p.b, &ending, 100));
    co_await writing.wait();
    started closing(executor, p.a.close(1h));
    co_await reading.wait();
    co_await closing.wait();
    EXPECT_TRUE(*reading == text);
    EXPECT_EQ(ending, asio::error::eof);
    EXPECT_TRUE(closing->acknowledged);
  });
}

// An abort on such a transport loses data; the reader must be able to tell.
TEST(StreamFault, DataDroppedWithTheTransportIsTruncation) {
  co_test([](auto executor) -> awaitable<void> {
    stream_pair p(executor);
    p.link.to_second().closing = on_close::drop;
    const auto failure = co_await write_error(p.a, pattern(1000));
    EXPECT_EQ(failure, flow::error_code());
    p.a.abort();
    flow::error_code ending;
    const auto all = co_await read_to_end(p.b, &ending);
    EXPECT_EQ(ending, errc::truncated);
  });
}

// Firecracker and others: a half-closed transport is a closed one. The stream's half-close is a
// frame and leaves the transport alone.
TEST(StreamFault, HalfCloseWorksWhereTheTransportHasNone) {
  co_test([](auto executor) -> awaitable<void> {
    stream_pair p(executor);
    p.link.to_first().closing = p.link.to_second().closing = on_close::drop;
    const auto asked = co_await write_error(p.a, "question");
    EXPECT_EQ(asked, flow::error_code());
    const auto ended = co_await p.a.shutdown_write();
    EXPECT_TRUE(ended);
    flow::error_code ending;
    const auto question = co_await read_to_end(p.b, &ending);
    EXPECT_EQ(ending, asio::error::eof);
    EXPECT_FALSE(p.link.first_closed() || p.link.second_closed());
    const auto answered = co_await write_error(p.b, question + "!");
    EXPECT_EQ(answered, flow::error_code());
    const auto answer_ended = co_await p.b.shutdown_write();
    EXPECT_TRUE(answer_ended);
    const auto answer = co_await read_to_end(p.a, &ending);
    EXPECT_EQ(answer, "question!");
  });
}

// If the end of the transport is never shown, a close still ends: by the frames alone at the end
// that began it, and by its time limit at the other.
TEST(StreamFault, CloseEndsOnATransportThatNeverShowsItsEnd) {
  co_test([](auto executor) -> awaitable<void> {
    stream::options o;
    o.close_wait = 5ms;
    stream_pair p(executor, o);
    p.link.to_first().closing = p.link.to_second().closing = on_close::silent;
    const auto ours = co_await p.a.close(1h);
    EXPECT_TRUE(ours.acknowledged);
    const auto theirs = co_await p.b.close(1h);
    EXPECT_TRUE(theirs.acknowledged);
    EXPECT_TRUE(p.link.second_closed());
  });
}

TEST(StreamFault, AnAbortThatIsNeverShownIsUpToTheDeadlineOfTheReader) {
  co_test([](auto executor) -> awaitable<void> {
    stream_pair p(executor);
    p.link.to_second().closing = on_close::silent;
    p.a.abort();
    started reading(executor, read_error(p.b));
    co_await turns(executor);
    EXPECT_FALSE(reading.done());
    const auto r = co_await p.b.close(5ms);
    EXPECT_EQ(r.reason, errc::timed_out);
    EXPECT_EQ(*reading, errc::aborted);
  });
}

// A killed peer looks like an end on virtio and like a reset on the host side of vhost.
TEST(StreamFault, ACrashIsNeverACleanEnd) {
  co_test([](auto executor) -> awaitable<void> {
    for (const auto how : {memory_link::shown_as::error, memory_link::shown_as::end}) {
      const auto expected = how == memory_link::shown_as::end ? errc::truncated : errc::reset;
      stream_fixture f(executor);
      f.peer.send(data("some"));
      f.link.reset(how);
      flow::error_code ending;
      const auto all = co_await read_to_end(f.s, &ending);
      EXPECT_EQ(all, "some");
      EXPECT_EQ(ending, expected);
      const auto writing = co_await write_error(f.s);
      EXPECT_EQ(writing, expected);
    }
  });
}

TEST(StreamFault, ACrashReleasesABlockedWriter) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.link.to_second().capacity = 10;
    started writing(executor, write_error(f.s, pattern(100)));
    started next(executor, write_error(f.s, pattern(100)));
    co_await turns(executor);
    f.link.reset();
    co_await turns(executor);
    EXPECT_EQ(*writing, errc::reset);
    EXPECT_EQ(*next, errc::reset);
  });
}

// Kernels that reset a connection for want of credit make the write fail with ENOBUFS.
TEST(StreamFault, AWriteThatFailsForWantOfCreditIsAReset) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.link.to_second().write_failure = asio::error::no_buffer_space;
    f.link.to_second().fail_writes_after = 8200;
    const auto failure = co_await write_error(f.s, pattern(100'000));
    EXPECT_EQ(failure, errc::reset);
    const auto later = co_await write_error(f.s);
    EXPECT_EQ(later, errc::reset);
  });
}

// Data that the peer sent before it refused our bytes is still delivered.
TEST(StreamFault, AFailedWriteDoesNotLoseWhatWasReceived) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.peer.send(data("good"), data("bye"), frame_code::close);
    f.peer.close();
    const auto failure = co_await write_error(f.s);
    EXPECT_EQ(failure, errc::reset);
    flow::error_code ending;
    const auto all = co_await read_to_end(f.s, &ending);
    EXPECT_EQ(all, "goodbye");
    EXPECT_EQ(ending, asio::error::eof);
  });
}

TEST(StreamFault, UnknownFailuresAreToldAsTheSystemNamesThem) {
  co_test([](auto executor) -> awaitable<void> {
    const flow::error_code io_error(EIO, boost::system::system_category());
    stream_fixture f(executor);
    f.link.to_second().write_failure = io_error;
    const auto failure = co_await write_error(f.s);
    EXPECT_EQ(failure, io_error);
    f.link.to_first().broken = io_error;
    f.link.poke();
    const auto reading = co_await read_error(f.s);
    EXPECT_EQ(reading, io_error);
  });
}

namespace {

struct conversation {
  std::size_t there = 0;  // bytes that arrived
  flow::error_code end_there;
  flow::error_code end_back;
  flow::close_result closed;
};

awaitable<conversation> answer(stream& s) {
  conversation c;
  const auto all = co_await read_to_end(s, &c.end_there, 3000);
  c.there = all.size();
  EXPECT_TRUE(all == pattern(all.size()));
  c.end_back = co_await write_error(s, pattern(5000));
  const auto ended = co_await s.shutdown_write();
  c.closed = co_await s.close(1h);
  co_return c;
}

awaitable<conversation> ask(stream& s) {
  conversation c;
  c.end_back = co_await write_error(s, pattern(9000));
  const auto ended = co_await s.shutdown_write();
  const auto all = co_await read_to_end(s, &c.end_there);
  c.there = all.size();
  EXPECT_TRUE(all == pattern(all.size()));
  c.closed = co_await s.close(1h);
  co_return c;
}

}  // namespace

// The connection breaks at its n-th operation, for every n. Whichever that is, both ends finish
// without help, the received data is a prefix of the data sent, and an end of data reported as
// clean is complete.
TEST(StreamFault, EveryOperationFailingOnceLeavesNoOneHangingAndNothingWronglyClean) {
  co_test([](auto executor) -> awaitable<void> {
    bool failed = true;
    for (std::uint64_t n = 1; failed; ++n) {
      stream_pair p(executor);
      p.link.to_first().max_read = p.link.to_second().max_read = 1500;
      p.link.to_first().capacity = p.link.to_second().capacity = 4000;
      p.link.reset_at_operation(n);
      started asking(executor, ask(p.a));
      started answering(executor, answer(p.b));
      co_await asking.wait();
      co_await answering.wait();
      failed = p.link.broken();
      if (answering->end_there == asio::error::eof) {
        EXPECT_EQ(answering->there, 9000U) << n;
      }
      if (asking->end_there == asio::error::eof) {
        EXPECT_EQ(asking->there, 5000U) << n;
      }
      EXPECT_TRUE(p.link.first_closed() && p.link.second_closed()) << n;
      if (!failed) {
        EXPECT_TRUE(asking->closed.acknowledged && answering->closed.acknowledged);
        EXPECT_GT(n, 20U);
      }
    }
  });
}
