// Recorded conversations of the two older implementations (tests/vectors), replayed against ours:
// once in the place of the implementation, once in that of its scripted peer.
#include <boost/asio/error.hpp>
#include <boost/asio/read.hpp>
#include <map>

#include "tests/unit/flow/stream_fixture.hpp"
#include "tests/unit/flow/transcript.hpp"

using namespace std::chrono_literals;
using namespace tests;
namespace asio = boost::asio;

namespace {

// All data in flight to the other end.
std::string take(flow::testing::memory_pipe& pipe) {
  std::string bytes;
  for (const std::byte b : pipe.bytes) {
    bytes += static_cast<char>(b);
  }
  pipe.bytes.clear();
  return bytes;
}

void deliver(flow::testing::memory_link& link, const std::string& bytes) {
  for (const char c : bytes) {
    link.to_first().bytes.push_back(static_cast<std::byte>(c));
  }
  link.poke();
}

void end_transport(flow::testing::memory_link& link) {
  link.to_first().ended = true;
  link.poke();
}

std::vector<std::byte> to_bytes(const std::string& text) {
  std::vector<std::byte> bytes;
  for (const char c : text) {
    bytes.push_back(static_cast<std::byte>(c));
  }
  return bytes;
}

// "Data 5, Close", or a description of other bytes.
std::string describe(const std::string& bytes) {
  std::string frames;
  flow::frame_decoder decoder(0x7fffffff);
  auto copy = to_bytes(bytes);
  std::span rest(copy);
  while (!rest.empty()) {
    const auto item = decoder.next(rest);
    if (!frames.empty()) {
      frames += ", ";
    }
    switch (item.type) {
      case flow::frame_decoder::item_type::payload:
        frames += "Data " + std::to_string(item.payload.size());
        break;
      case flow::frame_decoder::item_type::control:
        frames += item.code == frame_code::close           ? "Close"
                  : item.code == frame_code::shutdown_read ? "ShutdownRead"
                                                           : "ShutdownWrite";
        break;
      default:
        return frames + "...";
    }
  }
  return frames;
}

bool has_legacy_frames_only(const std::string& bytes) {
  flow::frame_decoder decoder(flow::legacy_max_payload);
  auto copy = to_bytes(bytes);
  std::span rest(copy);
  while (!rest.empty() && !decoder.failure()) {
    decoder.next(rest);
  }
  return !decoder.failure();
}

stream::options replay_options() {
  stream::options o;
  o.max_frame = 100'000;  // the recorded peer sends up to 70,000
  return o;
}

// All bytes that the steps of one side put on the wire.
std::string recorded_bytes(const transcript& t, bool by_peer) {
  std::string bytes;
  for (const auto& step : t.steps) {
    if (step.by_peer == by_peer) {
      bytes += step.bytes;
    }
  }
  return bytes;
}

// An end's output so far: the frames in the data it sent.
struct said {
  void hear(const std::string& bytes) {
    auto copy = to_bytes(bytes);
    std::span rest(copy);
    while (!closed && !failure) {
      const auto item = decoder.next(rest);
      if (item.type == flow::frame_decoder::item_type::none) {
        return;
      }
      if (item.type == flow::frame_decoder::item_type::failure) {
        failure = decoder.failure();
      } else if (item.type == flow::frame_decoder::item_type::payload) {
        if (stopped_writing) {
          failure = errc::protocol;
          return;
        }
        payload.append(reinterpret_cast<const char*>(item.payload.data()), item.payload.size());
      } else {
        stopped_reading = stopped_reading || item.code == frame_code::shutdown_read;
        stopped_writing = stopped_writing || item.code == frame_code::shutdown_write;
        closed = item.code == frame_code::close;
      }
    }
  }

  flow::frame_decoder decoder{100'000};
  std::string payload;
  bool stopped_reading = false;
  bool stopped_writing = false;
  bool closed = false;
  flow::error_code failure;
};

awaitable<flow::error_code> code_of(awaitable<flow::result<void>> operation) {
  const auto r = co_await std::move(operation);
  co_return r ? flow::error_code() : r.error().code();
}

awaitable<flow::error_code> write_all(stream& s, std::vector<std::size_t> sizes,
                                      std::size_t offset) {
  for (const std::size_t size : sizes) {
    const auto ec = co_await write_error(s, pattern(size, offset));
    offset += size;
    if (ec) {
      co_return ec;
    }
  }
  co_return flow::error_code();
}

struct read_outcome {
  flow::error_code ec;
  std::string bytes;
};

// As much as the recorded call read; if that was not data, everything up to the end.
awaitable<read_outcome> read_as_recorded(stream& s, std::size_t size) {
  read_outcome o;
  if (size == 0) {
    o.bytes = co_await read_to_end(s, &o.ec);
    co_return o;
  }
  o.bytes.resize(size);
  const auto r = co_await asio::async_read(s, asio::buffer(o.bytes), flow::as_result);
  o.ec = std::get<0>(r);
  o.bytes.resize(std::get<1>(r));
  co_return o;
}

// The conversations in which ours deliberately sends something else than was recorded, and why.
const std::map<std::string, std::string> sends_instead = {
    // A write does not overtake a shutdown_write, nor vice versa.
    {"write_12000_concurrent_shutdown_write",
     "Data 4096, Data 4096, Data 3808, ShutdownWrite, Close"},
    // The peer's frames about our writing take effect immediately, not when somebody reads: the
    // write that was sent there is refused here.
    {"coalesced_with_shutdown_read", "Close"},
    {"peer_closes_first_no_reader", "Close"},
    {"simultaneous_close_with_data", "Close"},
    {"peer_shutdown_read_then_write_no_reader", "Close"},
    {"peer_shutdown_read_then_data", "Close"},
    // The peer is also notified if it had ended its data before.
    {"peer_shutdown_write_then_shutdown_read", "ShutdownRead, Close"},
    // One Close, whoever reads meanwhile.
    {"close_with_read_outstanding_delayed_ack", "Close"},
    {"close_with_read_outstanding_instant_ack", "Close"},
    // Data after ShutdownWrite, and invalid lengths, are errors; the transport is dropped.
    {"peer_data_after_shutdown_write", ""},
    {"header_0x80000001", ""},
    {"header_0xffffffff", ""},
    // The transport has ended: noticed immediately, and not written to.
    {"read_split_bytes_pending of go", ""},
    {"eof_without_close", ""},
    {"eof_without_close_read_pending", ""},
    {"eof_after_data", ""},
    {"eof_after_shutdown_write", ""},
    {"eof_mid_header_1", ""},
    {"eof_mid_header_2", ""},
    {"eof_mid_header_3", ""},
    {"eof_mid_header_after_data", ""},
    {"eof_after_header", ""},
    {"eof_mid_payload_3_of_10", ""},
    {"eof_mid_payload_2000_of_4096", ""},
    {"eof_mid_payload_read_pending", ""}};

// Ours in place of the recorded implementation: the same calls, the same peer. It sends the same
// frames; its results follow from the peer's frames, and not from the recording if that was wrong.
class as_implementation {
 public:
  as_implementation(asio::any_io_executor executor, const transcript& t, const std::string& origin)
      : executor_(std::move(executor)),
        t_(t),
        origin_(origin),
        link_(executor_),
        s_(link_.first(), replay_options()) {}

  awaitable<void> run() {
    auto peer = link_.second();
    for (std::size_t i = 0; i < t_.steps.size(); ++i) {
      const auto& step = t_.steps[i];
      if (step.by_peer) {
        act_as_peer(step, *peer);
      } else if (step.phase == "call" || step.phase == "start") {
        call(step);
      }
      const bool with_next =
          step.group != 0 && i + 1 != t_.steps.size() && t_.steps[i + 1].group == step.group;
      if (!with_next) {
        co_await turns(executor_, 40);
        emitted_ += take(link_.to_second());
        check_reading();
      }
    }
    // Everything that the recording left open ends with the peer.
    peer->close();
    ended_ = true;
    co_await turns(executor_, 40);
    check_reading();
    EXPECT_FALSE(reading_) << "a read hangs";
    for (const auto& c : closes_) {
      EXPECT_TRUE(c.done()) << "a close hangs";
    }
    auto instead = sends_instead.find(t_.name + " of " + origin_);
    if (instead == sends_instead.end()) {
      instead = sends_instead.find(t_.name);
    }
    EXPECT_EQ(describe(emitted_), instead != sends_instead.end()
                                      ? instead->second
                                      : describe(recorded_bytes(t_, false)));
    EXPECT_TRUE(instead != sends_instead.end() || emitted_ == recorded_bytes(t_, false));
    EXPECT_TRUE(has_legacy_frames_only(emitted_));
  }

 private:
  void act_as_peer(const transcript_step& step, flow::transport& peer) {
    if (step.op == "send") {
      deliver(link_, step.bytes);
      peer_.hear(ended_ ? std::string() : step.bytes);
    } else if (step.how == "close") {
      peer.close();
      ended_ = true;
    } else {
      end_transport(link_);
      ended_ = true;
    }
  }

  void call(const transcript_step& step) {
    SCOPED_TRACE("step " + std::to_string(step.number));
    if (step.op == "write" || step.op == "writev") {
      writes_.emplace_back(executor_, write_all(s_, step.writes, step.offset));
      expected_.push_back(step.writes.empty() || step.writes == std::vector<std::size_t>{0}
                              ? std::nullopt
                              : std::optional(expected_write_error()));
    } else if (step.op == "read") {
      begin_read(step);
    } else if (step.op == "shutdown_write") {
      writes_.emplace_back(executor_, code_of(s_.shutdown_write()));
      expected_.push_back(std::nullopt);
      shut_write_ = true;
    } else if (step.op == "shutdown_read") {
      writes_.emplace_back(executor_, code_of(s_.shutdown_read()));
      expected_.push_back(std::nullopt);
      shut_read_ = true;
    } else if (step.op == "close") {
      closes_.emplace_back(executor_, s_.close(1h));
      closed_ = true;
    }
  }

  // A read that failed there may still wait for its bytes here.
  void begin_read(const transcript_step& step) {
    const auto* result = t_.result_of(step);
    const std::size_t size = result != nullptr ? result->read : 0;
    const bool of_nothing = result != nullptr && result->status == "data" && size == 0;
    if (!reading_ && !of_nothing) {
      reading_.emplace(executor_, read_as_recorded(s_, size));
      expected_size_ = size;
    }
  }

  // The error of a write begun now, according to all calls and frames until now.
  flow::error_code expected_write_error() const {
    if (shut_write_ || closed_ || peer_.stopped_reading || peer_.closed) {
      return errc::closed;
    }
    return peer_.failure || !ended_ ? peer_.failure : errc::truncated;
  }

  flow::error_code expected_end() const {
    if (closed_) {
      return errc::aborted;
    }
    if (peer_.failure && !shut_read_) {
      return peer_.failure;
    }
    if (shut_read_ || peer_.stopped_writing || peer_.closed) {
      return asio::error::eof;
    }
    return ended_ ? flow::error_code(errc::truncated) : flow::error_code();
  }

  void check_reading() {
    for (std::size_t i = checked_; i < writes_.size() && writes_[i].done(); checked_ = ++i) {
      EXPECT_EQ(*writes_[i], expected_[i].value_or(*writes_[i])) << "write " << i;
    }
    if (!reading_ || !reading_->done()) {
      EXPECT_TRUE(!reading_ || !expected_end()) << "a read waits on";
      return;
    }
    const auto& outcome = **reading_;
    EXPECT_EQ(outcome.bytes, peer_.payload.substr(read_, outcome.bytes.size()));
    read_ += outcome.bytes.size();
    if (outcome.ec) {
      EXPECT_EQ(outcome.ec, expected_end());
    } else {
      EXPECT_EQ(outcome.bytes.size(), expected_size_);
    }
    if (outcome.ec && !shut_read_ && !closed_) {
      EXPECT_EQ(read_, peer_.payload.size()) << "not all was read before the end";
    }
    reading_.reset();
  }

  asio::any_io_executor executor_;
  const transcript& t_;
  std::string origin_;
  flow::testing::memory_link link_;
  stream s_;
  said peer_;
  bool ended_ = false;
  bool shut_read_ = false;
  bool shut_write_ = false;
  bool closed_ = false;
  std::string emitted_;
  std::size_t read_ = 0;
  std::size_t expected_size_ = 0;
  std::optional<started<read_outcome>> reading_;
  std::vector<started<flow::error_code>> writes_;  // and shutdowns
  std::vector<std::optional<flow::error_code>> expected_;
  std::size_t checked_ = 0;
  std::vector<started<flow::close_result>> closes_;
};

// Ours in place of the scripted peer of the recorded implementation: it sends the frames of the
// script, as far as a stream can, and receives those of the implementation.
class as_peer {
 public:
  as_peer(asio::any_io_executor executor, const transcript& t)
      : executor_(std::move(executor)), t_(t), link_(executor_), s_(link_.first()) {}

  // A stream sends whole frames of a legal size, and nothing after the end.
  static bool can_say(const transcript& t) {
    said so_far;
    for (const auto& step : t.steps) {
      if (!step.by_peer) {
        continue;
      }
      for (const auto& frame : step.frames) {
        const bool data = frame.starts_with("Data ");
        const std::size_t size = data ? std::stoul(frame.substr(5)) : 0;
        if (so_far.closed || frame.starts_with("fragment") || (data && so_far.stopped_writing) ||
            (data && (size == 0 || size > flow::legacy_max_payload))) {
          return false;
        }
        so_far.closed = so_far.closed || frame == "Close";
        so_far.stopped_writing = so_far.stopped_writing || frame == "ShutdownWrite";
      }
    }
    return true;
  }

  awaitable<void> run() {
    auto implementation = link_.second();
    flow::error_code ending;
    started reading(executor_, read_to_end(s_, &ending));
    for (const auto& step : t_.steps) {
      if (step.by_peer) {
        speak(step);
      } else {
        deliver(link_, step.bytes);
        theirs_.hear(step.bytes);
        answer();
        if (step.op == "eof") {
          implementation->close();
        }
      }
      co_await turns(executor_, 40);
      emitted_ += take(link_.to_second());
    }
    implementation->close();
    co_await turns(executor_, 40);
    EXPECT_TRUE(reading.done()) << "the reader hangs";
    EXPECT_EQ(describe(emitted_), describe(expected_));
    EXPECT_EQ(emitted_, expected_);
    EXPECT_EQ(ending == errc::protocol, theirs_.failure == errc::protocol);
    if (!stopped_reading_) {
      EXPECT_EQ(*reading, theirs_.payload);
    }
    if (closing_) {
      EXPECT_TRUE(closing_->done()) << "close hangs";
      EXPECT_EQ((*closing_)->acknowledged, theirs_.closed);
    }
    for (const auto& w : writes_) {
      EXPECT_TRUE(w.done()) << "a write hangs";
    }
  }

 private:
  void expect(const std::string& bytes) { expected_ += bytes; }

  void speak(const transcript_step& step) {
    if (gone_) {
      return;
    }
    if (step.op == "eof") {
      s_.abort();
      stopped_reading_ = true;
      gone_ = true;
      return;
    }
    std::size_t at = 0;
    for (const auto& frame : step.frames) {
      const bool data = frame.starts_with("Data ");
      const std::size_t size = flow::frame_header_size + (data ? std::stoul(frame.substr(5)) : 0);
      const std::string bytes = step.bytes.substr(at, size);
      at += size;
      if (step.status == "error") {
        continue;
      }
      say(frame, bytes);
    }
  }

  // The answer to a Close does not wait for the script, and nothing is sent to a peer that violates
  // the protocol.
  void answer() {
    gone_ = gone_ || theirs_.failure;
    if (theirs_.closed && !said_close_ && !gone_) {
      expect(wire(frame_code::close));
      said_close_ = true;
    }
  }

  void say(const std::string& frame, const std::string& bytes) {
    const bool refused = theirs_.stopped_reading || theirs_.closed;
    if (frame == "Close") {
      closing_.emplace(executor_, s_.close(1h));
      stopped_reading_ = true;
      expect(said_close_ ? std::string() : bytes);
      said_close_ = true;
    } else if (frame == "ShutdownRead") {
      writes_.emplace_back(executor_, code_of(s_.shutdown_read()));
      stopped_reading_ = true;
      expect(theirs_.closed ? std::string() : bytes);
    } else if (frame == "ShutdownWrite") {
      writes_.emplace_back(executor_, code_of(s_.shutdown_write()));
      expect(refused ? std::string() : bytes);
    } else {
      writes_.emplace_back(executor_, write_error(s_, bytes.substr(flow::frame_header_size)));
      expect(refused ? std::string() : bytes);
    }
  }

  asio::any_io_executor executor_;
  const transcript& t_;
  flow::testing::memory_link link_;
  stream s_;
  said theirs_;
  bool gone_ = false;
  bool said_close_ = false;
  bool stopped_reading_ = false;
  std::string emitted_;
  std::string expected_;
  std::vector<started<flow::error_code>> writes_;
  std::optional<started<flow::close_result>> closing_;
};

class vectors : public testing::TestWithParam<std::string> {
 protected:
  static std::vector<transcript> recorded() {
    return load_transcripts(HVSOCK_VECTORS "/flow-" + GetParam() + ".json");
  }
};

using Vectors = vectors;

awaitable<void> replay_as_implementation(asio::any_io_executor executor, const transcript& t,
                                         const std::string& origin) {
  as_implementation ours(std::move(executor), t, origin);
  co_await ours.run();
}

awaitable<void> replay_as_peer(asio::any_io_executor executor, const transcript& t) {
  as_peer ours(std::move(executor), t);
  co_await ours.run();
}

TEST_P(Vectors, InThePlaceOfTheImplementationOursSendsTheSameAndReportsTheTruth) {
  const auto all = recorded();
  EXPECT_GE(all.size(), 107U);
  for (const auto& t : all) {
    SCOPED_TRACE(t.name);
    co_test(
        [&t](const auto& executor) { return replay_as_implementation(executor, t, GetParam()); });
  }
}

TEST_P(Vectors, InThePlaceOfItsPeerOursSpeaksAndHearsTheSame) {
  int replayed = 0;
  for (const auto& t : recorded()) {
    if (!as_peer::can_say(t)) {
      continue;
    }
    ++replayed;
    SCOPED_TRACE(t.name);
    co_test([&t](const auto& executor) { return replay_as_peer(executor, t); });
  }
  EXPECT_GE(replayed, 60);
}

INSTANTIATE_TEST_SUITE_P(Recorded, Vectors, testing::Values("ocaml", "go"),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
