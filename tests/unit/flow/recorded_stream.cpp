#include "tests/unit/flow/recorded_stream.hpp"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include "tests/unit/flow/pattern.hpp"

namespace tests {

namespace asio = boost::asio;
using flow::errc;
using flow::error_code;

recorded_stream::recorded_stream(std::string name, std::unique_ptr<flow::transport> t,
                                 const flow::stream_options& o, listener l, std::size_t offset,
                                 std::size_t their_offset)
    : name_(std::move(name)),
      listener_(std::move(l)),
      offset_(offset),
      their_offset_(their_offset),
      stream_(std::make_unique<flow::stream>(std::move(t), o)) {}

void recorded_stream::expect(bool condition, const std::string& text) const {
  if (!condition) {
    listener_.objection(name_ + ": " + text);
  }
}

template <class T, class Handler>
void recorded_stream::start(flow::awaitable<T> operation, Handler handler) {
  ++outstanding_;
  asio::co_spawn(
      stream_->get_executor(), std::move(operation),
      [this, h = std::move(handler)](const std::exception_ptr& e, const auto&... value) mutable {
        --outstanding_;
        expect(e == nullptr, "an operation threw");
        h(value...);
      });
}

// Coroutines begin when the executor runs; other calls are put in the same order.
void recorded_stream::soon(std::function<void()> operation) {
  asio::post(stream_->get_executor(), std::move(operation));
}

void recorded_stream::read(std::size_t size) {
  begin_read(size, read_end_ || asked_shutdown_read_ || asked_close_);
}

void recorded_stream::begin_read(std::size_t size, bool was_over) {
  reading_ = true;
  input_.assign(size, '\xee');
  note("read " + std::to_string(size));
  handler_form_ = !handler_form_;
  if (handler_form_) {
    ++outstanding_;
    soon([this, size, was_over] {
      stream_->async_read_some(asio::buffer(input_),
                               [this, size, was_over](error_code ec, std::size_t n) {
                                 --outstanding_;
                                 on_read(size, was_over, ec, n);
                               });
    });
    return;
  }
  start(stream_->read_some(asio::buffer(input_)),
        [this, size, was_over](const flow::result<std::size_t>& n) {
          on_read(size, was_over, n ? error_code() : n.error().code(), n ? *n : 0);
        });
}

void recorded_stream::on_read(std::size_t size, bool was_over, error_code ec, std::size_t n) {
  reading_ = false;
  note("has read " + std::to_string(n) + (ec ? ": " + ec.message() : ""));
  if (ec) {
    expect(n == 0, "a read that failed counts bytes");
    on_read_end(ec);
    return;
  }
  expect(size == 0 || n != 0, "a read succeeded without a byte");
  expect(n <= size, "a read counts more than its buffer holds");
  expect(size == 0 || !was_over, "a read succeeded after one that failed");
  expect(input_.compare(0, n, pattern(n, their_offset_ + delivered_)) == 0,
         "wrong bytes at " + std::to_string(delivered_));
  delivered_ += n;
  if (reading_to_end_ != 0 && alive()) {
    begin_read(reading_to_end_, false);  // before anything requested meanwhile
  }
}

void recorded_stream::on_read_end(error_code ec) {
  reading_to_end_ = 0;
  expect(ec != errc::protocol && ec != errc::frame_too_large && ec != errc::timed_out,
         "impossible between two of ours: " + ec.message());
  expect(!read_end_ || ec == *read_end_ || asked_shutdown_read_ ||
             (ec == errc::aborted && (asked_close_ || aborted_)),
         "the end of reading changed to " + ec.message());
  if (ec == errc::aborted) {
    expect(asked_close_ || aborted_, "a read was aborted by nobody");
  }
  clean_end_ = clean_end_ || (ec == asio::error::eof && !asked_shutdown_read_);
  read_end_ = ec;
}

void recorded_stream::read_to_end(std::size_t piece) {
  reading_to_end_ = piece;
  if (!reading_) {
    read(piece);
  }
}

void recorded_stream::write(std::size_t size) {
  const auto bytes = std::make_shared<std::string>(pattern(size, offset_ + offered_));
  const bool ended_here = asked_shutdown_write_ || asked_close_;
  const bool was_over = write_end_ || ended_here;
  offered_ += size;
  ++outstanding_writes_;
  note("write " + std::to_string(size));
  handler_form_ = !handler_form_;
  if (handler_form_) {
    ++outstanding_;
    soon([this, bytes, was_over, ended_here] {
      const std::size_t cut = bytes->size() / 3;
      const std::array<asio::const_buffer, 3> pieces = {
          asio::buffer(*bytes, cut), asio::const_buffer(), asio::buffer(*bytes) + cut};
      stream_->async_write_some(pieces,
                                [this, bytes, was_over, ended_here](error_code ec, std::size_t n) {
                                  --outstanding_;
                                  on_write(bytes->size(), was_over, ended_here, ec, n);
                                });
    });
    return;
  }
  start(stream_->write(asio::buffer(*bytes)),
        [this, bytes, was_over, ended_here](const flow::result<void>& r) {
          all_counted_ = all_counted_ && r;
          on_write(bytes->size(), was_over, ended_here, r ? error_code() : r.error().code(),
                   r ? bytes->size() : 0);
        });
}

void recorded_stream::on_write(std::size_t size, bool was_over, bool ended_here, error_code ec,
                               std::size_t n) {
  --outstanding_writes_;
  note("has written " + std::to_string(n) + (ec ? ": " + ec.message() : ""));
  accepted_ += n;
  if (!ec) {
    expect(n == size, "a write that succeeded is not whole");
    expect(size == 0 || !was_over, "a write succeeded after the end of writing");
    return;
  }
  expect(ec != errc::protocol && ec != errc::frame_too_large && ec != asio::error::eof,
         "impossible between two of ours: " + ec.message());
  expect(ec != errc::aborted || aborted_, "a write was aborted by nobody");
  expect(!ended_here || ec == errc::closed, "a write after the end of writing: " + ec.message());
  if (!write_end_) {
    write_end_ = ec;
  }
}

void recorded_stream::shutdown_write() {
  asked_shutdown_write_ = true;
  note("shutdown_write");
  start(stream_->shutdown_write(), [this](const flow::result<void>& r) {
    note("has shut down writing" + (r ? "" : ": " + r.error().message()));
  });
}

void recorded_stream::shutdown_read() {
  asked_shutdown_read_ = true;
  note("shutdown_read");
  start(stream_->shutdown_read(), [this](const flow::result<void>& r) {
    told_not_to_write_ = told_not_to_write_ || (r && !asked_close_ && !aborted_);
    note("has shut down reading" + (r ? "" : ": " + r.error().message()));
  });
}

void recorded_stream::close(std::chrono::steady_clock::duration deadline) {
  asked_close_ = true;
  impatient_ = impatient_ || deadline.count() == 0;
  note(deadline.count() == 0 ? "close, at once" : "close");
  start(stream_->close(deadline), [this](const flow::close_result& r) { on_closed(r); });
}

void recorded_stream::on_closed(const flow::close_result& r) {
  note(r.acknowledged ? "is closed" : "is closed: " + r.reason.message());
  expect(r.acknowledged == !r.reason, "a close is acknowledged or has a reason why not");
  expect(!closed_ || (closed_->acknowledged == r.acknowledged && closed_->reason == r.reason),
         "two closes end differently");
  expect(r.reason != errc::timed_out || impatient_, "a close timed out without a deadline");
  closed_ = std::make_unique<flow::close_result>(r);
}

void recorded_stream::wait_peer_closed() {
  start(stream_->wait_peer_closed(),
        [this] { expect(!stream_ || stream_->peer_closed(), "waited for nothing"); });
}

void recorded_stream::abort() {
  aborted_ = true;
  note("abort");
  soon([this] { stream_->abort(); });
}

void recorded_stream::destroy() {
  aborted_ = true;
  destroyed_ = true;
  note("destroy");
  soon([this] {
    bytes_written_ = stream_->bytes_written();
    stream_.reset();
  });
}

bool recorded_stream::write_open() const {
  return stream_ && stream_->write_open();
}

std::size_t recorded_stream::bytes_written() const {
  return stream_ ? stream_->bytes_written() : bytes_written_;
}

void recorded_stream::check_counts() const {
  expect(bytes_written() >= accepted_, "bytes_written() lacks bytes");
  expect(bytes_written() <= offered_, "bytes_written() counts more than there was");
  if (stream_) {
    expect(stream_->bytes_read() == delivered_, "bytes_read() counts other bytes");
    expect(!all_counted_ || bytes_written() == accepted_,
           "bytes_written() counts other bytes than the writes");
  }
}

}  // namespace tests
