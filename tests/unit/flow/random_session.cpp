#include "tests/unit/flow/random_session.hpp"

#include <array>
#include <random>

#include "flow/testing/memory_transport.hpp"
#include "tests/unit/flow/recorded_stream.hpp"

namespace tests {
namespace {

namespace asio = boost::asio;
using flow::errc;
using flow::error_code;
using flow::testing::memory_link;
using flow::testing::memory_pipe;
using flow::testing::on_close;
using namespace std::chrono_literals;

constexpr auto no_limit = std::chrono::hours(24);  // never passes while a test runs

// Unlike the standard's distributions, the same on every machine.
class dice {
 public:
  explicit dice(std::uint64_t seed) : engine_(seed) {}
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(engine_() % n); }
  bool one_in(std::size_t n) { return below(n) == 0; }
  template <class T, std::size_t N>
  T one_of(const std::array<T, N>& values) {
    return values[below(N)];
  }

 private:
  std::mt19937_64 engine_;
};

constexpr std::array<std::size_t, 12> sizes = {0, 1, 2, 3, 4, 5, 10, 63, 64, 65, 200, 1000};
constexpr std::array<std::size_t, 6> pieces = {1, 2, 3, 5, 100, memory_pipe::unlimited};
constexpr std::array<std::size_t, 5> capacities = {1, 4, 5, 70, 10'000};

}  // namespace

struct random_session::state {
  state(std::uint64_t seed, std::size_t steps)
      : dice_(seed),
        steps_(std::min(steps, 1 + dice_.below(60))),
        calm_(dice_.one_in(4)),
        link_(context_.get_executor()) {
    memory_pipe& to_a = link_.to_first();
    memory_pipe& to_b = link_.to_second();
    to_a.closing = to_b.closing = draw_closing();
    silent_ = to_a.closing == on_close::silent;
    for (memory_pipe* p : {&to_a, &to_b}) {
      p->max_read = dice_.one_of(pieces);
      p->max_write = dice_.one_of(pieces);
      p->capacity = dice_.one_of(capacities);
      p->storm = dice_.one_in(4);
    }
    const auto a_options = draw_options();
    const auto b_options = draw_options();
    small_drain_ = a_options.max_drain < 1000 || b_options.max_drain < 1000;
    const recorded_stream::listener l = {
        [this](const std::string& text) { object(text); },
        [this](const std::string& text) { trace_.push_back(text); }};
    a_ = std::make_unique<recorded_stream>("a", link_.first(), a_options, l, 0, 100);
    b_ = std::make_unique<recorded_stream>("b", link_.second(), b_options, l, 100, 0);
  }

  void object(const std::string& text) {
    objections_.push_back(text);
    trace_.push_back("OBJECTION: " + text);
  }
  void expect(bool condition, const std::string& text) {
    if (!condition) {
      object(text);
    }
  }

  on_close draw_closing() {
    if (calm_) {
      return on_close::deliver;
    }
    return dice_.one_of(std::array{on_close::deliver, on_close::deliver, on_close::deliver,
                                   on_close::drop, on_close::reset, on_close::silent});
  }

  // A silent transport never shows its end: only there, the wait for it times out at once.
  flow::stream_options draw_options() {
    flow::stream_options o;
    o.max_payload = dice_.one_of(std::array{1U, 3U, 64U, 4096U, 65'532U});
    o.read_ahead = dice_.one_of(std::array<std::size_t, 5>{4, 5, 64, 300, 65'536});
    o.close_wait = silent_ ? std::chrono::steady_clock::duration(0) : no_limit;
    if (!calm_ && dice_.one_in(8)) {
      o.max_drain = dice_.below(500);
    }
    return o;
  }

  recorded_stream& draw_end() { return dice_.one_in(2) ? *a_ : *b_; }
  memory_pipe& draw_pipe() { return dice_.one_in(2) ? link_.to_first() : link_.to_second(); }
  memory_pipe& to(const recorded_stream& s) {
    return &s == a_.get() ? link_.to_first() : link_.to_second();
  }
  const recorded_stream& peer_of(const recorded_stream& s) { return &s == a_.get() ? *b_ : *a_; }

  void step() {
    recorded_stream& s = draw_end();
    const std::size_t what = dice_.below(100);
    if (what < 75 && !s.alive()) {
      return;
    }
    if (what < 30) {
      s.write(dice_.one_of(sizes));
    } else if (what < 60) {
      if (!s.reading()) {
        s.read(dice_.one_of(sizes));
      }
    } else if (what < 64) {
      s.shutdown_write();
    } else if (what < 66) {
      s.shutdown_read();
    } else if (what < 69) {
      s.close(!calm_ && dice_.one_in(6) ? 0h : no_limit);
    } else if (what < 71) {
      s.wait_peer_closed();
    } else if (what < 73) {
      s.read_to_end(1 + dice_.one_of(sizes));
    } else if (what < 75) {
      leave(s);
    } else if (what < 98) {
      disturb();
    } else if (!calm_) {
      break_something();
    }
  }

  void leave(recorded_stream& s) {
    if (calm_ || !dice_.one_in(3)) {
      return;
    }
    if (dice_.one_in(2)) {
      s.abort();
    } else {
      s.destroy();
    }
  }

  // Things that a transport may do at any time without any visible effect.
  void disturb() {
    memory_pipe& p = draw_pipe();
    switch (dice_.below(5)) {
      case 0:
        p.stalled = !p.stalled;
        trace_.push_back(p.stalled ? "a direction stalls" : "a direction goes on");
        break;
      case 1:
        p.capacity = dice_.one_of(capacities);
        break;
      case 2:
        p.max_read = dice_.one_of(pieces);
        break;
      case 3:
        p.max_write = dice_.one_of(pieces);
        break;
      default:
        p.storm = !p.storm;
        break;
    }
    link_.poke();
  }

  void break_something() {
    switch (dice_.below(4)) {
      case 0:
        trace_.emplace_back("the link is reset");
        link_.reset();
        reset_ = true;
        break;
      case 1:
        trace_.emplace_back("the link ends");
        link_.reset(memory_link::shown_as::end);
        ended_ = true;
        break;
      case 2:
        trace_.emplace_back("the link will be reset");
        link_.reset_at_operation(1 + dice_.below(20));
        reset_ = true;
        break;
      default: {
        trace_.emplace_back("writing will fail");
        memory_pipe& p = draw_pipe();
        p.write_failure = asio::error::no_buffer_space;
        p.fail_writes_after = p.written + dice_.below(100);
        write_failure_ = true;
        break;
      }
    }
  }

  // Everything that can happen happens.
  void settle() {
    context_.restart();
    context_.poll();
    check_progress(*a_);
    check_progress(*b_);
  }

  // Whoever still waits has a reason to.
  void check_progress(const recorded_stream& s) {
    const memory_pipe& in = to(s);
    const memory_pipe& out = to(peer_of(s));
    const bool more = !in.stalled && (!in.bytes.empty() || in.ended || in.broken);
    if (s.reading()) {
      expect(!more, s.name() + ": a read waits for what is there");
      expect(!s.asked_shutdown_read() && !s.asked_close() && !s.aborted(),
             s.name() + ": a read outlives the end of reading");
    }
    if (s.alive() && !s.aborted() && (s.asked_shutdown_read() || s.asked_close())) {
      expect(in.stalled || in.bytes.empty() || peer_is_gone(s),
             s.name() + ": does not look at its input any more");
    }
    // If all input has been parsed, the peer's ShutdownRead has been, too.
    if (peer_of(s).told_not_to_write() && in.bytes.empty() && !in.ended && !in.broken) {
      expect(!s.write_open(), s.name() + ": writing is open though the peer does not read");
    }
    if (s.outstanding_writes() != 0) {
      expect(out.bytes.size() >= out.capacity, s.name() + ": a write waits though there is room");
      expect(!s.asked_close() && !s.aborted(), s.name() + ": a write outlives the end of writing");
    }
  }

  // Nothing arrives from it and nothing more can.
  bool peer_is_gone(const recorded_stream& s) {
    return &s == a_.get() ? link_.first_closed() : link_.second_closed();
  }

  void run() {
    for (std::size_t i = 0; i < steps_; ++i) {
      step();
      if (dice_.one_in(3)) {
        settle();
      } else {
        context_.restart();
        for (std::size_t n = dice_.below(8); n != 0; --n) {
          context_.poll_one();
        }
      }
    }
    finish();
    judge(*a_, *b_);
    judge(*b_, *a_);
  }

  // The faults end, and both ends finish in one of several ways.
  void finish() {
    const std::size_t how = dice_.below(4);
    trace_.push_back("finish " + std::to_string(how));
    for (memory_pipe* p : {&link_.to_first(), &link_.to_second()}) {
      p->stalled = false;
      p->capacity = std::max(p->capacity, p->bytes.size() + 1);
    }
    if (write_failure_) {
      link_.reset();  // no transport that refuses bytes recovers otherwise
      reset_ = true;
    }
    link_.poke();
    settle();
    for (recorded_stream* s : {a_.get(), b_.get()}) {
      const bool only_reads = s == b_.get() && how == 2;
      if (s->alive() && how == 0) {
        s->shutdown_write();
      }
      if (s->alive() && (how == 0 || only_reads)) {
        s->read_to_end(100);
      }
      if (s->alive() && how != 0 && !only_reads) {
        s->close(no_limit);
      }
    }
    settle();
    if (silent_) {
      abandon();
    }
    for (recorded_stream* s : {a_.get(), b_.get()}) {
      if (how != 3 || s->alive()) {
        expect(s->outstanding() == 0 || waits_for_close(*s, how),
               s->name() + ": operations wait for nothing");
      }
      s->check_counts();
      if (s->alive()) {
        s->close(no_limit);
      }
    }
    settle();
    if (silent_) {
      abandon();
    }
    for (recorded_stream* s : {a_.get(), b_.get()}) {
      expect(s->outstanding() == 0, s->name() + ": operations wait after both ends have closed");
      s->check_counts();
    }
    expect(link_.first_closed() && link_.second_closed(), "a transport is left open");
    context_.restart();
    context_.poll();
    expect(context_.stopped(), "something is left outstanding: a timer or a wait");
  }

  // Nobody has closed yet, so a wait for it may still be outstanding.
  bool waits_for_close(const recorded_stream& s, std::size_t how) const {
    return how == 0 && !s.reading() && s.outstanding_writes() == 0;
  }

  void abandon() {
    for (recorded_stream* s : {a_.get(), b_.get()}) {
      if (s->alive()) {
        s->abort();
      }
    }
    settle();
  }

  // The information that one end has received about the other.
  void judge(const recorded_stream& s, const recorded_stream& peer) {
    const std::string& me = s.name();
    expect(s.delivered() <= peer.bytes_written(), me + ": read more than was written");
    const bool lost = reset_ || ended_ || write_failure_;
    const bool given_up = peer.gave_up() || peer.impatient() || small_drain_;
    if (s.clean_end()) {
      expect(peer.asked_shutdown_write() || peer.asked_close(),
             me + ": an end of data that nobody announced");
      expect(s.delivered() == peer.bytes_written(), me + ": a clean end, and bytes are missing");
    }
    if (s.read_end() == error_code(errc::truncated)) {
      expect(ended_ || given_up, me + ": truncated by nothing");
    }
    if (s.read_end() == error_code(errc::reset)) {
      expect(reset_ || given_up, me + ": reset by nothing");
    }
    if (s.write_end() == error_code(errc::closed)) {
      expect(s.asked_shutdown_write() || s.asked_close() || peer.asked_shutdown_read() ||
                 peer.asked_close(),
             me + ": writing was closed by nobody");
    }
    if (s.write_end() == error_code(errc::truncated) || s.write_end() == error_code(errc::reset)) {
      expect(lost || given_up, me + ": a write failed for no reason");
    }
    if (s.closed() != nullptr) {
      judge_close(s, *s.closed(), peer, lost || given_up);
    }
  }

  void judge_close(const recorded_stream& s, const flow::close_result& r,
                   const recorded_stream& peer, bool lost) {
    const std::string& me = s.name();
    const flow::close_result* const theirs = peer.closed();
    const bool answered = theirs != nullptr && theirs->peer_first;
    const bool crossed = theirs != nullptr && !theirs->peer_first && !r.peer_first;
    if (!r.acknowledged) {
      // Two Closes that cross when an end drops the data in flight: one is not seen.
      const bool dropped = crossed && link_.to_first().closing == on_close::drop;
      expect(lost || dropped || s.impatient() || s.aborted() || small_drain_,
             me + ": a close failed for no reason: " + r.reason.message());
      return;
    }
    expect(!r.peer_first || peer.asked_close(), me + ": closed by a peer that did not");
    // Ours was first and was answered: the peer received all of it.
    if (!r.peer_first && answered) {
      expect(peer.delivered() + theirs->discarded == s.bytes_written(),
             me + ": an acknowledged close, and bytes are missing");
    }
  }

  asio::io_context context_{1};
  dice dice_;
  std::size_t steps_;
  bool calm_;  // only faults without visible effect
  memory_link link_;
  bool silent_ = false;
  bool small_drain_ = false;
  bool reset_ = false;
  bool ended_ = false;
  bool write_failure_ = false;
  std::vector<std::string> objections_;
  std::vector<std::string> trace_;
  std::unique_ptr<recorded_stream> a_;
  std::unique_ptr<recorded_stream> b_;
};

random_session::random_session(std::uint64_t seed, std::size_t steps)
    : state_(std::make_unique<state>(seed, steps)) {}

random_session::~random_session() = default;

void random_session::run() {
  state_->run();
}

std::size_t random_session::steps() const {
  return state_->steps_;
}

const std::vector<std::string>& random_session::objections() const {
  return state_->objections_;
}

const std::vector<std::string>& random_session::trace() const {
  return state_->trace_;
}

}  // namespace tests
