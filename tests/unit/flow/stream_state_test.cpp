#include "flow/stream_state.hpp"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/error.hpp>
#include <deque>
#include <string>

namespace {

using flow::errc;
using flow::error_code;
using flow::frame_code;
using flow::stream_state;

const error_code eof = boost::asio::error::eof;
const error_code none;

// The frames that are due now, sent immediately.
std::string flush(stream_state& s) {
  std::string all;
  while (const auto code = s.due(false)) {
    s.sent(*code);
    all += *code == frame_code::shutdown_read    ? 'r'
           : *code == frame_code::shutdown_write ? 'w'
                                                 : 'c';
  }
  return all;
}

TEST(StreamState, StartsOpenBothWays) {
  stream_state s;
  EXPECT_EQ(s.write_error(), none);
  EXPECT_EQ(s.read_error(), none);
  EXPECT_FALSE(s.finished());
  EXPECT_EQ(flush(s), "");
}

TEST(StreamState, ShutdownWriteWaitsForQueuedDataAndStopsNewData) {
  stream_state s;
  s.shutdown_write();
  EXPECT_EQ(s.write_error(), errc::closed);
  EXPECT_EQ(s.drop_error(), none);
  EXPECT_FALSE(s.due(true).has_value());
  EXPECT_TRUE(s.shutdown_write_pending());
  EXPECT_EQ(flush(s), "w");
  EXPECT_FALSE(s.shutdown_write_pending());
  EXPECT_EQ(s.shutdown_write_error(), none);
}

TEST(StreamState, ShutdownReadOvertakesQueuedData) {
  stream_state s;
  s.shutdown_read();
  EXPECT_EQ(s.read_error(), eof);
  EXPECT_TRUE(s.discards_input());
  EXPECT_EQ(s.due(true), frame_code::shutdown_read);
  EXPECT_EQ(s.write_error(), none);
}

TEST(StreamState, RequestsAreSentOnce) {
  stream_state s;
  s.shutdown_read();
  s.shutdown_read();
  s.shutdown_write();
  s.shutdown_write();
  EXPECT_EQ(flush(s), "rw");
  s.shutdown_read();
  s.shutdown_write();
  s.close(false);
  s.close(false);
  EXPECT_EQ(flush(s), "c");
  s.close(false);
  EXPECT_EQ(flush(s), "");
}

TEST(StreamState, CloseWithoutQueuedDataStillAnnouncesTheEndOfData) {
  stream_state s;
  s.shutdown_write();
  s.close(false);
  EXPECT_EQ(flush(s), "wc");
}

TEST(StreamState, CloseThatDropsDataDoesNotAnnounceItsEnd) {
  stream_state s;
  s.shutdown_write();
  s.close(true);
  EXPECT_EQ(s.drop_error(), errc::closed);
  EXPECT_EQ(flush(s), "c");
}

TEST(StreamState, WhoeverSentCloseFirstReleasesTheTransport) {
  stream_state s;
  s.close(false);
  EXPECT_EQ(flush(s), "c");
  EXPECT_FALSE(s.finished());
  s.receive(frame_code::close);
  EXPECT_TRUE(s.finished());
  EXPECT_FALSE(s.peer_closed_first());
}

TEST(StreamState, WhoeverReceivedCloseFirstAnswersAndWaitsForTheEnd) {
  stream_state s;
  s.receive(frame_code::close);
  EXPECT_EQ(s.write_error(), errc::closed);
  EXPECT_EQ(s.drop_error(), errc::closed);
  EXPECT_EQ(s.read_error(), eof);
  EXPECT_EQ(flush(s), "c");
  EXPECT_FALSE(s.finished());
  s.end(errc::truncated);
  EXPECT_TRUE(s.finished());
  EXPECT_EQ(s.end_reason(), none);
  EXPECT_EQ(s.read_error(), eof);
}

TEST(StreamState, AnAnswerThatCannotBeSentIsNotWaitedFor) {
  stream_state s;
  s.receive(frame_code::close);
  s.break_sending(errc::reset);
  EXPECT_TRUE(s.finished());
}

TEST(StreamState, PeersCloseCancelsWhatWasDueBefore) {
  stream_state s;
  s.shutdown_read();
  s.shutdown_write();
  s.receive(frame_code::close);
  EXPECT_EQ(flush(s), "c");
  EXPECT_FALSE(s.shutdown_read_pending());
  EXPECT_EQ(s.shutdown_read_error(), none);
  EXPECT_EQ(s.shutdown_write_error(), none);
}

TEST(StreamState, PeersShutdownReadEndsWritingOnly) {
  stream_state s;
  s.receive(frame_code::shutdown_read);
  EXPECT_EQ(s.write_error(), errc::closed);
  EXPECT_EQ(s.read_error(), none);
  s.shutdown_write();
  EXPECT_EQ(flush(s), "");
}

TEST(StreamState, EndWithoutShutdownWriteIsTruncation) {
  stream_state s;
  s.end(errc::truncated);
  EXPECT_EQ(s.read_error(), errc::truncated);
  EXPECT_EQ(s.write_error(), errc::truncated);
  EXPECT_EQ(s.drop_error(), errc::truncated);
}

TEST(StreamState, EndAfterShutdownWriteIsStillACleanEndOfData) {
  for (const errc how : {errc::truncated, errc::reset}) {
    stream_state s;
    s.receive(frame_code::shutdown_write);
    s.end(how);
    EXPECT_EQ(s.read_error(), eof);
    EXPECT_EQ(s.end_reason(), how);
  }
}

TEST(StreamState, DataAfterShutdownWriteBreaksTheProtocol) {
  stream_state s;
  s.receive_data();
  EXPECT_FALSE(s.ended());
  s.receive(frame_code::shutdown_write);
  s.receive_data();
  EXPECT_TRUE(s.finished());
  EXPECT_EQ(s.read_error(), errc::protocol);
  EXPECT_EQ(s.write_error(), errc::protocol);
}

TEST(StreamState, WhatThePeerSendsAfterCloseIsIgnored) {
  stream_state s;
  s.receive(frame_code::close);
  s.protocol_error(errc::protocol);
  s.receive(frame_code::shutdown_read);
  EXPECT_FALSE(s.ended());
  EXPECT_EQ(s.read_error(), eof);
}

TEST(StreamState, BrokenSendingLeavesReadingOpen) {
  stream_state s;
  s.shutdown_write();
  s.break_sending(errc::reset);
  EXPECT_EQ(s.drop_error(), errc::reset);
  EXPECT_FALSE(s.shutdown_write_pending());
  EXPECT_EQ(s.shutdown_write_error(), errc::reset);
  EXPECT_EQ(s.read_error(), none);
  EXPECT_FALSE(s.finished());
}

// A write after the end of writing fails with that error, whatever happened to the transport since.
TEST(StreamState, WritingThatIsOverAtThisEndIsClosed) {
  stream_state shut;
  shut.shutdown_write();
  EXPECT_EQ(shut.write_error(), errc::closed);
  shut.break_sending(errc::reset);
  EXPECT_EQ(shut.write_error(), errc::closed);

  stream_state closed;
  closed.end(errc::truncated);
  EXPECT_EQ(closed.write_error(), errc::truncated);
  closed.close(false);
  EXPECT_EQ(closed.write_error(), errc::closed);
}

TEST(StreamState, AbortEndsEverythingWithAborted) {
  stream_state s;
  s.receive(frame_code::shutdown_write);
  s.abort();
  EXPECT_EQ(s.read_error(), errc::aborted);
  EXPECT_EQ(s.drop_error(), errc::aborted);
  EXPECT_TRUE(s.discards_input());
  EXPECT_TRUE(s.finished());
}

// Two ends and the data in flight between them.
class model {
 public:
  static constexpr std::size_t actions = 12;

  // False if the action changes nothing here.
  bool act(std::size_t action) {
    const std::size_t i = action / 6;
    auto& s = ends_[i];
    switch (action % 6) {
      case 0:
        s.shutdown_write();
        return true;
      case 1:
        s.shutdown_read();
        return true;
      case 2:
        s.close(false);
        return true;
      case 3:
        if (s.write_error()) {
          return false;
        }
        push(i, 'd');
        return true;
      case 4:
        return send(i);
      default:
        return deliver(i);
    }
  }

  // Sends and delivers until nothing is left.
  void quiesce() {
    for (bool moved = true; moved;) {
      moved = false;
      for (const std::size_t i : {0U, 1U}) {
        while (send(i) || deliver(i)) {
          moved = true;
        }
      }
    }
  }

  const stream_state& end(std::size_t i) const { return ends_[i]; }
  const std::string& history(std::size_t i) const { return history_[i]; }

 private:
  void push(std::size_t i, char frame) {
    way_[i].push_back(frame);
    history_[i] += frame;
  }

  bool send(std::size_t i) {
    const auto code = ends_[i].due(false);
    if (!code) {
      return false;
    }
    ends_[i].sent(*code);
    push(i, *code == frame_code::shutdown_read    ? 'r'
            : *code == frame_code::shutdown_write ? 'w'
                                                  : 'c');
    return true;
  }

  // To end `i` from the other.
  bool deliver(std::size_t i) {
    auto& way = way_[1 - i];
    if (way.empty()) {
      return false;
    }
    const char frame = way.front();
    way.pop_front();
    if (frame == 'd') {
      ends_[i].receive_data();
    } else {
      ends_[i].receive(frame == 'r'   ? frame_code::shutdown_read
                       : frame == 'w' ? frame_code::shutdown_write
                                      : frame_code::close);
    }
    return true;
  }

  std::array<stream_state, 2> ends_;
  std::array<std::deque<char>, 2> way_;  // sent by end i
  std::array<std::string, 2> history_;
};

void check(const model& reached, const std::string& path) {
  model m = reached;
  m.quiesce();
  for (const std::size_t i : {0U, 1U}) {
    const auto& s = m.end(i);
    const auto& sent = m.history(i);
    // Two correct ends never violate the protocol.
    ASSERT_FALSE(s.ended()) << path << ": " << sent;
    // Nothing follows Close, no data follows ShutdownWrite, each control frame is sent once.
    ASSERT_TRUE(sent.find('c') == std::string::npos || sent.find('c') == sent.size() - 1)
        << path << ": " << sent;
    ASSERT_EQ(sent.find('d', std::min(sent.find('w'), sent.size())), std::string::npos)
        << path << ": " << sent;
    for (const char frame : {'r', 'w', 'c'}) {
      ASSERT_LE(std::count(sent.begin(), sent.end(), frame), 1) << path << ": " << sent;
    }
    // Anything that one end announced, the other knows.
    const auto& other = m.end(1 - i);
    if (sent.find('w') != std::string::npos || sent.find('c') != std::string::npos) {
      ASSERT_NE(other.read_error(), none) << path;
    }
    if (sent.find('r') != std::string::npos) {
      ASSERT_EQ(other.write_error(), errc::closed) << path;
    }
    // A close is answered, whatever happened before.
    ASSERT_EQ(s.close_received(), m.history(1 - i).find('c') != std::string::npos) << path;
    if (s.close_asked()) {
      ASSERT_TRUE(s.close_received()) << path << ": " << sent << " / " << m.history(1 - i);
    }
  }
  // And one of them releases the transport: the ends never wait for each other.
  if (m.end(0).close_received()) {
    ASSERT_TRUE(m.end(0).finished() || m.end(1).finished()) << path;
  }
}

void explore(const model& m, std::string& path, int depth) {
  ASSERT_NO_FATAL_FAILURE(check(m, path));
  if (depth == 0) {
    return;
  }
  for (std::size_t action = 0; action < model::actions; ++action) {
    model next = m;
    if (!next.act(action)) {
      continue;
    }
    path += static_cast<char>('a' + action);
    ASSERT_NO_FATAL_FAILURE(explore(next, path, depth - 1));
    path.pop_back();
  }
}

TEST(StreamState, EverySequenceOfSixActionsOfTwoEndsKeepsTheProtocol) {
  std::string path;
  explore(model(), path, 6);
}

}  // namespace
