#include "shim/io/delivery.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>
#include <vector>

#include "flow/system/log_failures.hpp"

namespace shim {

using flow::awaitable;
using flow::result;
using std::chrono::milliseconds;

delivery::delivery(const flow::asio::any_io_executor& executor, std::string name,
                   std::unique_ptr<sink> to, const delivery_limits& limits, flow::log& log)
    : name_(std::move(name)),
      sink_(std::move(to)),
      limits_(limits),
      log_(log),
      changed_(executor),
      tasks_(executor, flow::log_failures(log, "delivery of " + name_)) {
  restart_clocks();
}

delivery::~delivery() = default;

void delivery::start(flow::stream& from) {
  source_state_ = source_state::flowing;
  tasks_.spawn("read stream", read_stream(from));
  tasks_.spawn("write sink", write_sink());
}

void delivery::start_without_stream() {
  source_state_ = source_state::absent;
  tasks_.spawn("write sink", write_sink());
}

// --- from the guest ----------------------------------------------------------------------------

awaitable<void> delivery::read_stream(flow::stream& from) {
  const auto may_read = [this] { return has_room() || sink_state_ == sink_state::abandoned; };
  std::vector<char> extra;
  for (;;) {
    co_await changed_.wait(may_read);
    if (sink_state_ == sink_state::abandoned) {
      source_state_ = source_state::truncated;
      break;
    }
    // Straight into the spool while that is empty; behind what it holds otherwise.
    const bool direct = spool_.empty();
    if (!direct) {
      extra.resize(spool::buffer_size);
    }
    const auto space = direct ? spool_.prepare() : std::span<char>(extra);
    const auto n = co_await from.read_some(flow::asio::buffer(space.data(), space.size()));
    if (!n) {
      end_source(n.error());
      break;
    }
    received_ += n.value();
    last_received_ = changed_.time().now();
    if (sink_state_ == sink_state::abandoned) {
      dropped_ += n.value();
    } else if (direct) {
      spool_.commit(n.value());
    } else {
      co_await keep(std::span(extra.data(), n.value()));
    }
    changed_.notify_all();
  }
  changed_.notify_all();
  // By answering Close we tell the guest that we hold every byte.
  static_cast<void>(co_await from.close(limits::close_stream));
}

// Rule 1: with a reader that keeps up, one buffer is under way. Rule 6: beyond it, the spool; of a
// killed process also what is on the way, for nobody waits for its reader.
bool delivery::has_room() const {
  const auto limit = limits_.spool + (expedited_ ? limits::on_the_way : 0);
  return spool_.empty() || (reading_ahead_ && spool_.size() < limit);
}

// A spool that cannot grow (no memory for its file) makes us wait for the sink; it never costs a
// byte.
awaitable<void> delivery::keep(std::span<const char> data) {
  const auto drained = [this] { return spool_.empty() || sink_state_ == sink_state::abandoned; };
  while (sink_state_ != sink_state::abandoned) {
    const auto kept = spool_.push(data);
    if (kept) {
      break;
    }
    log_.warning("cannot extend spool; waiting for the reader",
                 {{"stream", name_}, {"err", kept.error().message()}});
    co_await changed_.wait(drained);
  }
}

// Rule 2: the end of data is a frame. Any other end is not one.
void delivery::end_source(const flow::error& why) {
  if (why.code() == flow::asio::error::eof) {
    source_state_ = source_state::ended;
    return;
  }
  source_state_ = source_state::truncated;
  log_.warning("output stream broke off",
               {{"stream", name_}, {"received", received_}, {"err", why.message()}});
}

bool delivery::source_is_over() const {
  return source_state_ != source_state::awaited && source_state_ != source_state::flowing;
}

void delivery::take_all() {
  if (!std::exchange(reading_ahead_, true)) {
    changed_.notify_all();
  }
}

awaitable<void> delivery::wait_received() {
  const auto over = [this] { return source_is_over(); };
  co_await changed_.wait(over);
}

// --- to the client -----------------------------------------------------------------------------

awaitable<void> delivery::write_sink() {
  const auto wanted = [this] {
    return !spool_.empty() || source_is_over() || sink_state_ == sink_state::abandoned;
  };
  for (;;) {
    co_await changed_.wait(wanted);
    if (spool_.empty() || sink_state_ == sink_state::abandoned) {
      break;
    }
    if (sink_state_ == sink_state::failed) {
      // Rule 11: the process must go on.
      dropped_ += spool_.size();
      spool_.clear();
      changed_.notify_all();
      continue;
    }
    const auto data = spool_.front();
    if (!data) {
      fail(data.error());
      continue;
    }
    const auto written = co_await sink_->write_some(flow::asio::buffer(data.value()));
    account_written(written);
  }
  co_await wait_read_by_client();
}

void delivery::account_written(const result<std::size_t>& written) {
  if (written) {
    if (sink_state_ == sink_state::abandoned) {
      dropped_ -= written.value();  // it was being sent when everything else was given up
    }
    handed_ += written.value();
    spool_.pop(written.value());
    changed_.notify_all();
  } else if (sink_state_ == sink_state::delivering) {
    fail(written.error());
  }
}

// Rule 8: what is in a FIFO goes with the last descriptor of it, so ours stays until the client has
// read everything.
awaitable<void> delivery::wait_read_by_client() {
  const auto decided = [this] {
    return sink_state_ != sink_state::delivering || sink_->unread() == 0 || sink_->broken();
  };
  co_await look_until(decided, limits::last_idle_look);
  if (sink_state_ != sink_state::delivering) {
    co_return;
  }
  if (sink_->unread() == 0) {
    conclude(sink_state::delivered);
  } else {
    fail(flow::system_error(EPIPE, "the reader has exited"));
  }
}

// Rule 11: reported once.
void delivery::fail(const flow::error& why) {
  conclude(sink_state::failed);
  log_.error("output cannot be delivered; discarding the rest",
             {{"stream", name_}, {"delivered", handed_}, {"err", why.message()}});
}

void delivery::abandon(const char* reason) {
  if (sink_state_ != sink_state::delivering) {
    return;
  }
  const auto bytes = held();
  if (bytes == 0 && source_is_over()) {
    conclude(sink_state::delivered);
    return;
  }
  conclude(sink_state::abandoned);
  dropped_ += held();
  log_.error("output abandoned", {{"stream", name_}, {"bytes", bytes}, {"reason", reason}});
}

// What the client has left unread goes with the sink.
void delivery::conclude(sink_state how) {
  const auto unread = this->unread();
  handed_ -= unread;
  dropped_ += unread;
  sink_state_ = how;
  sink_->close();
  changed_.notify_all();
}

// --- where the bytes are -----------------------------------------------------------------------

// A client may have named one FIFO for both outputs: not all that is in it need be ours.
std::uint64_t delivery::unread() const {
  return sink_state_ == sink_state::delivering ? std::min(sink_->unread(), handed_) : 0;
}

bool delivery::delivered_up_to(std::uint64_t offset) const {
  return sink_state_ != sink_state::delivering || delivered() >= std::min(offset, received_);
}

delivery_report delivery::report() const {
  return {.source = source_state_,
          .sink = sink_state_,
          .received = received_,
          .delivered = delivered(),
          .held = held(),
          .dropped = dropped_,
          .missing = exit_offset_ - std::min(exit_offset_, received_)};
}

// --- when the exit may be published ------------------------------------------------------------

// Nothing tells when a FIFO was read. So `decided` is asked at every change, and in between at
// pauses that grow to `rest`.
awaitable<void> delivery::look_until(flow::event::condition decided, milliseconds rest) {
  for (auto pause = limits::first_look;; pause = std::min(pause * 2, rest)) {
    const bool over = co_await changed_.wait_for(pause, decided);
    if (over) {
      break;
    }
  }
}

awaitable<void> delivery::wait_safe(std::uint64_t offset) {
  restart_clocks();
  const auto safe = [this, offset] { return look_at_exit(offset); };
  co_await look_until(safe, limits::last_look);
  // Rule 3. What still comes is delivered, and no longer missing.
  exit_offset_ = offset;
  if (received_ < offset) {
    log_.error("output lost", {{"stream", name_},
                               {"bytes", offset - received_},
                               {"reason", "the guest did not send it"}});
  }
}

// Rule 12: how much the process had written is not known.
awaitable<void> delivery::wait_safe_to_end() {
  restart_clocks();
  const auto safe = [this] { return look_at_exit(std::numeric_limits<std::uint64_t>::max()); };
  co_await look_until(safe, limits::last_look);
}

// Whether all bytes up to `offset` are safe; takes the rest into the spool if it is time to.
bool delivery::look_at_exit(std::uint64_t offset) {
  note_progress();
  const bool all_received = source_is_over() || received_ >= offset;
  if (all_received && delivered_up_to(offset)) {
    return true;  // Rule 4: read by the client
  }
  if (still_for(limits_.stalled_after) || !has_reader()) {
    if (all_received && !reader_would_hang_up()) {
      return true;  // Rule 4: held here
    }
    take_all();  // Rule 6
  }
  return !all_received && guest_is_silent();
}

// Rule 5: the reader had begun to read and is there, and has not been still for too long. After
// SIGKILL it is not waited for.
bool delivery::reader_would_hang_up() const {
  return last_delivered_ > 0 && !expedited_ && has_reader() && !still_for(limits_.linger);
}

// Rule 5: SIGKILL ends a process, whatever its guest does.
bool delivery::guest_is_silent() const {
  return expedited_ && changed_.time().now() - last_received_ >= limits_.silent_guest;
}

bool delivery::has_reader() const {
  return sink_state_ == sink_state::delivering && sink_->has_reader();
}

bool delivery::still_for(flow::clock::duration time) const {
  return changed_.time().now() - last_progress_ >= time;
}

void delivery::note_progress() {
  if (const auto now = delivered(); now != last_delivered_) {
    last_delivered_ = now;
    last_progress_ = changed_.time().now();
  }
}

void delivery::restart_clocks() {
  last_progress_ = changed_.time().now();
  last_received_ = last_progress_;
}

void delivery::expedite() {
  expedited_ = true;
  last_received_ = changed_.time().now();
  changed_.notify_all();
}

// --- after Delete ------------------------------------------------------------------------------

awaitable<void> delivery::linger() {
  restart_clocks();
  const auto over = [this] { return look_at_lingering(); };
  co_await look_until(over, limits::last_look);
}

// Rule 7: until everything was read, no reader is left, or nothing has moved for too long.
bool delivery::look_at_lingering() {
  note_progress();
  if (sink_state_ == sink_state::delivering) {
    if (!has_reader()) {
      abandon("no reader is left");
    } else if (still_for(limits_.linger)) {
      abandon("the reader has stalled for too long");
    }
  }
  return sink_state_ != sink_state::delivering;
}

awaitable<void> delivery::join() {
  co_await tasks_.join();
}

}  // namespace shim
