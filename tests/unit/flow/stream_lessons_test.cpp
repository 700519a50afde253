// One test for each known defect of the implementations this protocol comes from, so that none of
// them recurs. Each describes the original defect.
#include <malloc.h>

#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "tests/unit/flow/stream_fixture.hpp"

using namespace std::chrono_literals;
using namespace tests;
namespace asio = boost::asio;
using flow::close_result;
using flow::result;

// W1: close read the socket beside an outstanding read. The read took the peer's Close, close
// waited for it for ever, and so did the peer.
TEST(StreamLessons, CloseWithAReadOutstandingCompletesBoth) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    started read(executor, read_error(f.s));
    co_await turns(executor);
    started closing(executor, f.s.close(1h));
    co_await turns(executor);
    EXPECT_TRUE(read.done());
    EXPECT_EQ(*read, errc::aborted);
    EXPECT_FALSE(closing.done());
    f.peer.send(frame_code::close);
    co_await turns(executor);
    EXPECT_TRUE(closing.done());
    EXPECT_TRUE(closing->acknowledged);
  });
}

// W1b: the other outcomes of that race: close returned and the transport stayed open, or a second
// Close was sent.
TEST(StreamLessons, CloseWithAReadOutstandingSendsOneCloseAndEndsTheTransport) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    started read(executor, read_error(f.s));
    started closing(executor, f.s.close(1h));
    co_await turns(executor);
    f.peer.send(frame_code::close);
    co_await turns(executor);
    EXPECT_EQ(f.peer.received(), "Close, End");
    EXPECT_TRUE(closing.done());
  });
}

// W1c: an end that had received ShutdownRead no longer sent ShutdownWrite, and a peer that waited
// for it waited for ever. It still sends none (a legacy peer would take it as the answer to its
// Close); so nobody may wait for it.
TEST(StreamLessons, NobodyWaitsForTheShutdownWriteOfAnEndThatIsNotReadAnyMore) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    const auto stopped = co_await f.s.shutdown_read();
    EXPECT_TRUE(stopped);
    const auto reading = co_await read_error(f.s);
    EXPECT_EQ(reading, asio::error::eof);
    started closing(executor, f.s.close(1h));
    f.peer.send(frame_code::close);
    co_await turns(executor);
    EXPECT_TRUE(closing.done());

    stream_fixture g(executor);
    g.peer.send(frame_code::shutdown_read);
    co_await turns(executor);
    const auto ended = co_await g.s.shutdown_write();
    EXPECT_TRUE(ended);
    EXPECT_EQ(g.peer.received(), "");
  });
}

// W2: close had no time limit; a peer that never answered blocked it for ever.
TEST(StreamLessons, CloseEndsAtItsDeadlineWhenThePeerNeverAnswers) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    const auto r = co_await f.s.close(5ms);
    EXPECT_FALSE(r.acknowledged);
    EXPECT_EQ(r.reason, errc::timed_out);
    EXPECT_EQ(f.peer.received(), "Close, End");
  });
}

// W3: after shutdown_write and close at one end, the other had its end of data, never read again,
// and went on writing for ever, successfully; everything was discarded and close never returned.
TEST(StreamLessons, AnEndThatOnlyWritesFailsAsSoonAsThePeerCloses) {
  co_test([](auto executor) -> awaitable<void> {
    stream_pair p(executor);
    const auto ended = co_await p.a.shutdown_write();
    EXPECT_TRUE(ended);
    const auto end = co_await read_error(p.b);
    EXPECT_EQ(end, asio::error::eof);
    started closing(executor, p.a.close(1h));
    std::size_t written = 0;
    flow::error_code failure;
    while (!failure && written < 10'000'000) {
      failure = co_await write_error(p.b, pattern(10'000));
      written += 10'000;
      co_await turns(executor, 1);
    }
    EXPECT_EQ(failure, errc::closed);
    EXPECT_LT(written, 1'000'000U);
    const auto theirs = co_await p.b.close(1h);
    EXPECT_TRUE(theirs.acknowledged);
    co_await turns(executor);
    EXPECT_TRUE(closing.done());
    EXPECT_TRUE(closing->acknowledged);
  });
}

// W3 with a peer that has the defect: the amount it continues to write is bounded.
TEST(StreamLessons, CloseGivesUpOnAPeerThatNeverStopsWriting) {
  co_test([](auto executor) -> awaitable<void> {
    stream::options o;
    o.max_drain = 100'000;
    stream_fixture f(executor, o);
    started closing(executor, f.s.close(1h));
    for (int i = 0; i < 1000 && !closing.done(); ++i) {
      f.peer.send(data(pattern(4096)));
      co_await turns(executor, 5);
    }
    EXPECT_TRUE(closing.done());
    EXPECT_FALSE(closing->acknowledged);
    EXPECT_EQ(closing->reason, errc::aborted);
    EXPECT_GE(closing->discarded, 90'000U);
    EXPECT_LE(closing->discarded, 100'000U + 65'536U);
  });
}

// W4: a shutdown_write during a write of several frames overtook the rest of them: data after
// ShutdownWrite, reported as written, never read.
TEST(StreamLessons, ShutdownWriteNeverOvertakesAWrite) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.link.to_second().capacity = 5000;
    started writing(executor, write_error(f.s, pattern(12'000)));
    co_await turns(executor);
    started ending(executor, f.s.shutdown_write());
    co_await turns(executor);
    EXPECT_FALSE(writing.done());
    EXPECT_FALSE(ending.done());
    std::string frames;
    for (int i = 0; i < 10; ++i) {
      const auto more = f.peer.received();
      frames += more.empty() || frames.empty() ? more : ", " + more;
      co_await turns(executor);
    }
    EXPECT_EQ(frames, "Data 4096, Data 4096, Data 3808, ShutdownWrite");
    EXPECT_EQ(f.peer.payload, pattern(12'000));
    EXPECT_TRUE(writing.done());
    EXPECT_EQ(*writing, flow::error_code());
    EXPECT_TRUE(ending.done());
  });
}

// W5: every error and every end of the transport was reported as a clean end of data.
TEST(StreamLessons, EndOfTheTransportInsideAFrameOrWithoutShutdownWriteIsTruncation) {
  co_test([](auto executor) -> awaitable<void> {
    for (const std::string& last : {std::string(), header(10).substr(0, 1), header(10).substr(0, 3),
                                    header(10), header(10) + "abc"}) {
      stream_fixture f(executor);
      f.peer.send(data("hello"), last);
      f.peer.close();
      flow::error_code ending;
      const auto all = co_await read_to_end(f.s, &ending);
      EXPECT_EQ(all, last.size() > 4 ? "helloabc" : "hello");
      EXPECT_EQ(ending, errc::truncated) << last.size();
      const auto again = co_await read_error(f.s);
      EXPECT_EQ(again, errc::truncated);
    }
    stream_fixture f(executor);
    f.link.reset();
    const auto reading = co_await read_error(f.s);
    EXPECT_EQ(reading, errc::reset);
  });
}

// W6: four bytes of header made the reader allocate up to two gigabytes.
TEST(StreamLessons, AHeaderAllocatesNothing) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture capped(executor);
    capped.peer.send(header(0x40000000));
    const auto refused = co_await read_error(capped.s);
    EXPECT_EQ(refused, errc::frame_too_large);
    EXPECT_EQ(capped.peer.received(), "End");

    // Not even if frames of that size are accepted.
    stream::options o;
    o.max_frame = 0x7fffffff;
    stream_fixture accepting(executor, o);
    const auto before = mallinfo2().uordblks + mallinfo2().hblkhd;
    accepting.peer.send(header(0x40000000), pattern(1000));
    std::string buffer(100'000, '\0');
    const auto n = co_await accepting.s.read_some(asio::buffer(buffer));
    EXPECT_EQ(*n, 1000U);
    EXPECT_LT(mallinfo2().uordblks + mallinfo2().hblkhd, before + 1'000'000);
  });
}

// W7: lengths from 2^31 on were negative, raised an exception and left the stream out of step.
TEST(StreamLessons, LengthsFrom2GiBOnAreProtocolErrors) {
  co_test([](auto executor) -> awaitable<void> {
    for (const std::uint32_t length : {0x80000000U, 0x80000001U, 0xffffffffU}) {
      stream_fixture f(executor);
      f.peer.send(data("before"), header(length));
      flow::error_code ending;
      const auto all = co_await read_to_end(f.s, &ending);
      EXPECT_EQ(all, "before");
      EXPECT_EQ(ending, errc::protocol);
      const auto writing = co_await write_error(f.s);
      EXPECT_EQ(writing, errc::protocol);
      EXPECT_EQ(f.peer.received(), "End");
    }
  });
}

// W8: close took any four bytes for the peer's Close and dropped the rest.
TEST(StreamLessons, CloseDrainsWhatIsInFlightUpToThePeersClose) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.peer.send(data(pattern(1000)));
    started closing(executor, f.s.close(1h));
    co_await turns(executor);
    f.peer.send(data(pattern(500)), frame_code::shutdown_read, frame_code::shutdown_write);
    co_await turns(executor);
    EXPECT_FALSE(closing.done());
    f.peer.send(frame_code::close);
    co_await turns(executor);
    EXPECT_TRUE(closing.done());
    EXPECT_TRUE(closing->acknowledged);
    EXPECT_EQ(closing->discarded, 1500U);
  });
}

// W9: the peer's graceful close was an error ("file already closed") to a reader.
TEST(StreamLessons, ThePeersCloseIsACleanEndAfterAllData) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.peer.send(data("all"), data(" of it"), frame_code::close);
    flow::error_code ending;
    const auto all = co_await read_to_end(f.s, &ending, 2);
    EXPECT_EQ(all, "all of it");
    EXPECT_EQ(ending, asio::error::eof);
    EXPECT_EQ(f.peer.received(), "Close");
  });
}

// W10: a header that came in two pieces was fatal and reported as two bytes read.
TEST(StreamLessons, AHeaderInPiecesIsPutTogether) {
  co_test([](auto executor) -> awaitable<void> {
    for (std::size_t cut = 1; cut < 4; ++cut) {
      stream_fixture f(executor);
      std::string buffer(10, '\0');
      started waiting(executor, f.s.read_some(asio::buffer(buffer)));
      co_await turns(executor);
      f.peer.send(data("hello").substr(0, cut));
      co_await turns(executor);
      EXPECT_FALSE(waiting.done());
      f.peer.send(data("hello").substr(cut));
      co_await turns(executor);
      EXPECT_TRUE(waiting.done());
      EXPECT_EQ(waiting->value(), 5U);
    }
  });
}

// W11: a short write of a payload was fatal, with the header already on the wire.
TEST(StreamLessons, ShortWritesAreContinued) {
  co_test([](auto executor) -> awaitable<void> {
    for (const std::size_t most : {1U, 3U, 5U, 4097U}) {
      stream_fixture f(executor);
      f.link.to_second().max_write = most;
      const auto failure = co_await write_error(f.s, pattern(5000));
      EXPECT_EQ(failure, flow::error_code());
      EXPECT_EQ(f.peer.received(), "Data 4096, Data 904");
      EXPECT_EQ(f.peer.payload, pattern(5000));
    }
  });
}

// W12: close read four bytes of whatever a concurrent read was reading: corrupted data.
TEST(StreamLessons, CloseNeverTakesPayloadFromARead) {
  co_test([](auto executor) -> awaitable<void> {
    for (int when = 0; when < 12; ++when) {
      stream_fixture f(executor);
      f.link.to_first().max_read = 3;
      std::string buffer(64, '\0');
      std::string delivered;
      started closing(executor, [](stream& s, auto ex, int after) -> awaitable<close_result> {
        co_await turns(ex, after);
        co_return co_await s.close(1h);
      }(f.s, executor, when));
      f.peer.send(data(pattern(30)), frame_code::close);
      for (;;) {
        const auto n = co_await f.s.read_some(asio::buffer(buffer));
        if (!n) {
          break;
        }
        delivered.append(buffer, 0, *n);
      }
      EXPECT_EQ(delivered, pattern(30).substr(0, delivered.size()));
      co_await turns(executor);
      f.peer.close();
      co_await turns(executor);
      EXPECT_TRUE(closing.done());
      EXPECT_EQ(closing->discarded + delivered.size(), 30U) << when;
    }
  });
}

// W13: the peer's frames about our writing were only parsed while the application read; a writer
// blocked by back-pressure was never woken.
TEST(StreamLessons, ABlockedWriterThatNeverReadsHearsThePeer) {
  co_test([](auto executor) -> awaitable<void> {
    for (const auto code : {frame_code::shutdown_read, frame_code::close}) {
      stream_fixture f(executor);
      f.link.to_second().capacity = 1000;
      started writing(executor, write_error(f.s, pattern(100'000)));
      co_await turns(executor);
      EXPECT_FALSE(writing.done());
      f.peer.send(code);
      co_await turns(executor);
      EXPECT_TRUE(writing.done());
      EXPECT_EQ(*writing, errc::closed);
    }
  });
}

// W14: shutdown_read stopped draining: the peer's writer blocked, and its later frames were lost.
TEST(StreamLessons, AfterShutdownReadThePeerIsStillDrainedAndHeard) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.link.to_first().capacity = 10'000;
    const auto stopped = co_await f.s.shutdown_read();
    EXPECT_TRUE(stopped);
    for (int i = 0; i < 100; ++i) {
      f.peer.send(data(pattern(4096)));
      co_await turns(executor, 5);
    }
    EXPECT_EQ(f.peer.send_failures, 0U);
    EXPECT_FALSE(f.s.peer_closed());
    f.peer.send(frame_code::close);
    co_await turns(executor);
    EXPECT_TRUE(f.s.peer_closed());
    EXPECT_EQ(f.peer.received(), "ShutdownRead, Close");
  });
}

// W15: concurrent writes interleaved at every 4096 bytes.
TEST(StreamLessons, ConcurrentWritesAreContiguousAndInOrder) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.link.to_second().capacity = 3000;
    started first(executor, write_error(f.s, std::string(10'000, 'a')));
    started second(executor, write_error(f.s, std::string(10'000, 'b')));
    started third(executor, write_error(f.s, std::string(10, 'c')));
    while (!third.done()) {
      f.peer.received();
      co_await turns(executor, 5);
    }
    f.peer.received();
    EXPECT_EQ(f.peer.payload,
              std::string(10'000, 'a') + std::string(10'000, 'b') + std::string(10, 'c'));
    EXPECT_TRUE(first.done() && second.done());
  });
}

// W16: header and payload went out in two system calls, on virtio in two packets.
TEST(StreamLessons, HeaderAndPayloadGoInOneSystemCall) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    for (const std::size_t size : {1U, 100U, 4096U}) {
      const auto before = f.link.to_second().writes;
      const auto failure = co_await write_error(f.s, pattern(size));
      EXPECT_EQ(failure, flow::error_code());
      EXPECT_EQ(f.link.to_second().writes, before + 1);
    }
    stream::options large;
    large.max_payload = flow::agreed_max_payload;
    stream_fixture g(executor, large);
    const auto failure = co_await write_error(g.s, pattern(65'532));
    EXPECT_EQ(failure, flow::error_code());
    EXPECT_EQ(g.link.to_second().writes, 1U);
    EXPECT_EQ(g.peer.received(), "Data 65532");
  });
}

// W17: bytes lost below the protocol went unnoticed: there were no counts, and every end
// looked alike.
TEST(StreamLessons, LossBelowTheProtocolShowsInTheCountsAndInTheEnd) {
  co_test([](auto executor) -> awaitable<void> {
    stream_pair p(executor);
    p.link.to_second().closing = flow::testing::on_close::drop;
    const auto failure = co_await write_error(p.a, pattern(50'000));
    EXPECT_EQ(failure, flow::error_code());
    p.a.abort();
    flow::error_code ending;
    const auto all = co_await read_to_end(p.b, &ending);
    EXPECT_EQ(ending, errc::truncated);
    EXPECT_EQ(p.a.bytes_written(), 50'000U);
    EXPECT_EQ(p.b.bytes_read(), all.size());
    EXPECT_LT(p.b.bytes_read(), p.a.bytes_written());
  });
}

// W18: flags of both directions were shared without order: a write could miss that it was refused.
TEST(StreamLessons, AShutdownReadInTheMiddleOfAWriteFailsItAndAllLaterOnes) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.link.to_second().capacity = 6000;
    started writing(executor, write_error(f.s, pattern(20'000)));
    started next(executor, write_error(f.s, pattern(10)));
    co_await turns(executor);
    f.peer.send(frame_code::shutdown_read, data("still read"));
    co_await turns(executor);
    EXPECT_EQ(*writing, errc::closed);
    EXPECT_EQ(*next, errc::closed);
    const auto later = co_await write_error(f.s);
    EXPECT_EQ(later, errc::closed);
    EXPECT_FALSE(f.s.write_open());
    // The frame being sent is complete, and none of the dropped data follows.
    EXPECT_EQ(f.peer.received(), "Data 4096");
    co_await turns(executor);
    EXPECT_EQ(f.peer.received(), "Data 4096");
    EXPECT_EQ(f.peer.payload, pattern(8192));
    EXPECT_EQ(f.s.bytes_written(), 8192U);
    std::string buffer(100, '\0');
    const auto n = co_await f.s.read_some(asio::buffer(buffer));
    EXPECT_EQ(buffer.substr(0, *n), "still read");
  });
}

// W19: any call during a close waited for the whole close.
TEST(StreamLessons, OperationsDuringACloseReturnAtOnce) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    started closing(executor, f.s.close(1h));
    co_await turns(executor);
    started writing(executor, write_error(f.s));
    started reading(executor, read_error(f.s));
    started ending(executor, f.s.shutdown_write());
    started stopping(executor, f.s.shutdown_read());
    co_await turns(executor);
    EXPECT_EQ(*writing, errc::closed);
    EXPECT_EQ(*reading, errc::aborted);
    EXPECT_TRUE(ending.done() && stopping.done());
    EXPECT_FALSE(closing.done());
    EXPECT_EQ(f.peer.received(), "Close");
    f.s.abort();
    co_await turns(executor);
    EXPECT_TRUE(closing.done());
  });
}

// W20: a read of n bytes that met the end after k lost the count k.
TEST(StreamLessons, BytesReadBeforeTheEndAreCounted) {
  co_test([](auto executor) -> awaitable<void> {
    stream_fixture f(executor);
    f.peer.send(data("abc"), frame_code::shutdown_write);
    std::string buffer(10, '\0');
    const auto r = co_await asio::async_read(f.s, asio::buffer(buffer), flow::as_result);
    const auto& [ec, n] = r;
    EXPECT_EQ(ec, asio::error::eof);
    EXPECT_EQ(n, 3U);
    EXPECT_EQ(buffer.substr(0, 3), "abc");
    EXPECT_EQ(f.s.bytes_read(), 3U);
  });
}
