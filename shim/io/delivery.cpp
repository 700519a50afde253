#include "shim/io/delivery.hpp"

#include <algorithm>
#include <cerrno>
#include <vector>

#include "shim/config/limits.hpp"

namespace shim {

using flow::awaitable;
using flow::result;
using std::chrono::milliseconds;
using clock = std::chrono::steady_clock;

delivery::delivery(const flow::asio::any_io_executor& executor, std::string name,
                   std::unique_ptr<sink> to, const delivery_limits& limits, flow::log& log)
    : executor_(executor),
      name_(std::move(name)),
      sink_(std::move(to)),
      limits_(limits),
      log_(log),
      changed_(executor),
      last_progress_(clock::now()),
      last_received_(clock::now()),
      tasks_(executor, [this](const std::string& task, const std::exception_ptr& failure) {
        log_.error("delivery failed",
                   {{"stream", name_}, {"task", task}, {"err", flow::describe(failure)}});
      }) {}

delivery::~delivery() = default;

void delivery::start(flow::stream& from) {
  tasks_.spawn("read stream", read_stream(from));
  tasks_.spawn("write sink", write_sink());
}

void delivery::start_without_stream() {
  ended_ = true;
  tasks_.spawn("write sink", write_sink());
}

// --- from the guest ----------------------------------------------------------------------------

awaitable<void> delivery::read_stream(flow::stream& from) {
  std::vector<char> extra;
  for (;;) {
    const bool room = co_await wait_room();
    if (!room) {
      break;
    }
    // Straight into the spool where it is empty; behind what is there otherwise.
    const bool direct = spool_.empty();
    if (!direct) {
      extra.resize(spool::buffer_size);
    }
    const auto space = direct ? spool_.prepare() : std::span<char>(extra);
    const auto n = co_await from.read_some(flow::asio::buffer(space.data(), space.size()));
    if (!n) {
      truncated_ = n.error().code() != flow::asio::error::eof;
      break;
    }
    received_ += n.value();
    last_received_ = clock::now();
    if (direct) {
      spool_.commit(n.value());
    } else {
      co_await keep(std::span(extra.data(), n.value()));
    }
    changed_.notify_all();
  }
  ended_ = true;
  changed_.notify_all();
  // By answering Close we tell the guest that every byte is in our hands.
  static_cast<void>(co_await from.close(limits::close_stream));
}

// A spool that cannot grow (no memory for its file) makes us wait for the sink; it never costs a
// byte.
awaitable<void> delivery::keep(std::span<const char> data) {
  while (!abandoned_) {
    const auto kept = spool_.push(data);
    if (kept) {
      co_return;
    }
    log_.warning("spool cannot grow", {{"stream", name_}, {"err", kept.error().message()}});
    while (!spool_.empty() && !abandoned_) {
      co_await changed_.wait();
    }
  }
  lose(data.size(), "delivery was abandoned");
}

// False if nothing more is to be read.
awaitable<bool> delivery::wait_room() {
  for (;;) {
    if (abandoned_) {
      co_return false;
    }
    if (spool_.empty()) {
      co_return true;
    }
    if (spooling_ && spool_.size() < limits_.spool + (expedited_ ? limits::on_the_way : 0)) {
      co_return true;
    }
    co_await changed_.wait();
  }
}

void delivery::take_all() {
  spooling_ = true;
  changed_.notify_all();
}

awaitable<void> delivery::wait_received() {
  while (!ended_) {
    co_await changed_.wait();
  }
}

// --- to the client -----------------------------------------------------------------------------

awaitable<void> delivery::write_sink() {
  for (;;) {
    while (spool_.empty() && !ended_ && !abandoned_) {
      co_await changed_.wait();
    }
    if (spool_.empty() || abandoned_) {
      break;
    }
    const auto data = spool_.front();
    if (!data) {
      lose(spool_.size(), "spool cannot be read");
      written_ += spool_.size();
      spool_.clear();
      continue;
    }
    std::size_t n = data.value().size();
    if (!sink_failed_) {
      const auto written = co_await sink_->write_some(flow::asio::buffer(data.value()));
      if (abandoned_) {
        break;
      }
      if (written) {
        n = written.value();
      } else {
        sink_failed(written.error());
      }
    }
    // A sink that failed takes the bytes no more than it gives them: the process must go on.
    if (sink_failed_) {
      lose(n, "sink failed");
    }
    spool_.pop(n);
    written_ += n;
    changed_.notify_all();
  }
  co_await wait_read_by_client();
  sink_->close();
  done_ = true;
  changed_.notify_all();
}

// A FIFO's content dies with its last descriptor: ours stays until the client has read it all.
awaitable<void> delivery::wait_read_by_client() {
  auto look = limits::first_look;
  while (!abandoned_ && !sink_failed_ && sink_->unread() > 0) {
    if (sink_->broken()) {
      sink_failed(flow::system_error(EPIPE, "the reader is gone"));
      break;
    }
    co_await changed_.wait_for(look);
    look = std::min(look * 2, limits::last_idle_look);
  }
}

void delivery::sink_failed(const flow::error& e) {
  // What a reader has left unread goes with it.
  const auto unread = sink_->unread();
  sink_failed_ = true;
  lost_ += unread;
  log_.error("output cannot be delivered; it is dropped from here on",
             {{"stream", name_}, {"err", e.message()}, {"delivered", written_ - unread}});
}

void delivery::lose(std::uint64_t bytes, const char* reason) {
  if (bytes == 0) {
    return;
  }
  lost_ += bytes;
  // A failed sink was reported when it failed; the sum is reported by whoever deletes the process.
  if (!sink_failed_) {
    log_.error("output lost", {{"stream", name_}, {"bytes", bytes}, {"reason", reason}});
  }
}

// --- safe --------------------------------------------------------------------------------------

void delivery::update_progress() {
  const auto now_taken = taken();
  if (now_taken != last_taken_) {
    last_taken_ = now_taken;
    last_progress_ = clock::now();
  }
}

bool delivery::stalled_for(clock::duration time) {
  update_progress();
  return clock::now() - last_progress_ >= time || !sink_->has_reader();
}

// Whether the reader, stalled as it is, is one that would lose bytes if it heard of the exit now.
bool delivery::reader_hangs_up() {
  return last_taken_ > 0 && !expedited_ && !stalled_for(limits_.linger);
}

bool delivery::guest_is_silent() const {
  return expedited_ && clock::now() - last_received_ >= limits_.silent_guest;
}

bool delivery::all_delivered_up_to(std::uint64_t offset) {
  return sink_failed_ || done_ || taken() >= std::min(offset, received_);
}

awaitable<void> delivery::wait_safe(std::uint64_t offset) {
  last_progress_ = clock::now();
  last_received_ = clock::now();
  auto look = limits::first_look;
  for (;;) {
    const bool all_received = ended_ || received_ >= offset;
    if (all_received && all_delivered_up_to(offset)) {
      break;
    }
    if (stalled_for(limits_.stalled_after)) {
      if (all_received && !reader_hangs_up()) {
        break;
      }
      take_all();
    }
    if (!all_received && guest_is_silent()) {
      break;
    }
    co_await changed_.wait_for(look);
    look = std::min(look * 2, limits::last_look);
  }
  if (received_ < offset) {
    lose(offset - received_, "the guest did not send it");
  }
}

awaitable<void> delivery::wait_safe_to_end() {
  last_progress_ = clock::now();
  auto look = limits::first_look;
  while (!ended_ || !all_delivered_up_to(received_)) {
    if (stalled_for(limits_.stalled_after)) {
      if (ended_ && !reader_hangs_up()) {
        break;
      }
      take_all();
    }
    co_await changed_.wait_for(look);
    look = std::min(look * 2, limits::last_look);
  }
}

void delivery::expedite() {
  expedited_ = true;
  last_received_ = clock::now();
  changed_.notify_all();
}

// --- after Delete ------------------------------------------------------------------------------

awaitable<void> delivery::linger() {
  last_progress_ = clock::now();
  auto look = limits::first_look;
  while (!done_) {
    update_progress();
    if (!sink_->has_reader()) {
      abandon("no reader is left");
    } else if (clock::now() - last_progress_ >= limits_.linger) {
      abandon("the reader has stalled for too long");
    }
    co_await changed_.wait_for(look);
    look = std::min(look * 2, limits::last_look);
  }
}

void delivery::abandon(const char* reason) {
  if (done_ || abandoned_) {
    return;
  }
  abandoned_ = true;
  if (!sink_failed_) {
    lose(spool_.size() + sink_->unread(), reason);
  }
  sink_->close();
  changed_.notify_all();
}

awaitable<void> delivery::join() {
  co_await tasks_.join();
}

}  // namespace shim
