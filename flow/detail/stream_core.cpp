#include "flow/detail/stream_core.hpp"

#include <algorithm>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <cstring>
#include <utility>

namespace flow::detail {
namespace {

// An application's buffer of at least this size is all that one read fills. Into a smaller one the
// read goes on behind it, into the block for what is read ahead: one system call for many small
// deliveries is worth a copy.
constexpr std::size_t direct_read_size = 16384;

// What the transport's own errors mean to the user of a stream.
error_code classify(error_code ec) {
  namespace sys = boost::system::errc;
  if (ec == sys::connection_reset || ec == sys::broken_pipe || ec == sys::not_connected ||
      ec == sys::connection_aborted || ec == sys::no_buffer_space) {
    return errc::reset;  // no_buffer_space: virtio-vsock names a reset for want of credit so
  }
  if (ec == sys::timed_out) {
    return errc::timed_out;
  }
  if (ec == sys::operation_canceled || ec == sys::bad_file_descriptor) {
    return errc::aborted;
  }
  return ec;
}

// A handler, what it is called with, and where: on its own executor, or on the stream's if it has
// none. (asio::append does not take a type-erased handler.)
struct completion {
  using executor_type = asio::any_completion_executor;

  io_handler handler;
  io_result r;
  asio::any_io_executor fallback;

  executor_type get_executor() const noexcept {
    return asio::get_associated_executor(handler, fallback);
  }
  void operator()() { std::move(handler)(r.ec, r.n); }
};

}  // namespace

stream_core::stream_core(std::unique_ptr<transport> t, const stream_options& o)
    : transport_(std::move(t)),
      executor_(transport_->get_executor()),
      options_(o),
      decoder_(o.max_frame),
      received_(buffer_pool::of(executor_), o.read_ahead),
      queue_(buffer_pool::of(executor_), o.max_payload),
      changed_(executor_) {}

void stream_core::complete(io_handler handler, io_result r) {
  asio::post(executor_, completion{std::move(handler), r, executor_});
}

// --- reading

std::optional<io_result> stream_core::try_read(asio::mutable_buffer buffer) {
  if (reading_) {
    return io_result{errc::invalid_argument};
  }
  if (buffer.size() == 0) {
    return io_result{};
  }
  const std::span to(static_cast<std::byte*>(buffer.data()), buffer.size());
  std::size_t n = received_.deliver(to);
  if (n == 0 && !state_.read_error() && !input_empty_) {
    n = read_input(to);
  }
  bytes_read_ += n;
  settle();
  ensure_reading();
  if (n != 0) {
    return io_result{{}, n};
  }
  if (const auto ec = state_.read_error()) {
    return io_result{ec};
  }
  return std::nullopt;
}

void stream_core::finish_read(asio::mutable_buffer buffer, io_handler handler) {
  reading_.emplace(std::span(static_cast<std::byte*>(buffer.data()), buffer.size()),
                   std::move(handler));
}

// Nothing that comes after the peer's Close, or after the application is done with reading, is
// kept.
bool stream_core::keeps_input() const noexcept {
  return !state_.discards_input() && !state_.close_received();
}

bool stream_core::wants_input() const noexcept {
  return !state_.ended() && !(keeps_input() && received_.full());
}

void stream_core::ensure_reading() {
  if (read_wait_ || !wants_input()) {
    return;
  }
  read_wait_ = true;
  transport_->async_wait(transport::wait_type::read,
                         [self = shared_from_this()](error_code) { self->on_readable(); });
}

void stream_core::on_readable() {
  read_wait_ = false;
  input_empty_ = false;
  std::optional<pending_read> done;
  std::size_t n = 0;
  if (!keeps_input()) {
    drain_input();
  } else if (wants_input()) {
    n = read_input(reading_ ? reading_->buffer : std::span<std::byte>());
    bytes_read_ += n;
  }
  if (n != 0) {
    done = std::exchange(reading_, std::nullopt);
  }
  settle();
  if (done) {
    asio::dispatch(completion{std::move(done->handler), {{}, n}, executor_});
  }
  ensure_reading();
}

std::size_t stream_core::read_transport(std::span<const std::span<std::byte>> pieces) {
  std::array<iovec, max_read_pieces> buffers;
  std::size_t count = 0;
  std::size_t room = 0;
  for (const auto piece : pieces) {
    if (!piece.empty()) {
      buffers[count++] = {piece.data(), piece.size()};
      room += piece.size();
    }
  }
  error_code ec;
  const std::size_t n = transport_->read_some(std::span(buffers).first(count), ec);
  input_empty_ = n < room;
  if (n == 0 && ec != asio::error::would_block) {
    state_.end(ec ? classify(ec) : errc::truncated);
    unsettled_ = true;
  }
  return n;
}

// One read from the transport: into `direct`, the buffer of the application that waits for it, or
// ahead of the application if that is empty. Returns how much payload is in `direct` now.
//
// The bytes go where the payload among them is wanted if the frames are as expected: the rest of
// the frame that is being read, a header set apart, and the next frame. What comes otherwise is
// moved up.
std::size_t stream_core::read_input(std::span<std::byte> direct) {
  frame_header header;
  std::span<std::byte> header_space;
  const auto lead = direct.first(std::min<std::size_t>(decoder_.payload_left(), direct.size()));
  const auto rest = direct.subspan(lead.size());
  if (!rest.empty()) {
    header_space = std::span(header).first(decoder_.header_left());
  }
  std::span<std::byte> ahead;
  if (direct.size() < direct_read_size) {
    ahead = received_.prepare();
  }
  const std::array<std::span<std::byte>, max_read_pieces> pieces{lead, header_space, rest, ahead};
  std::size_t n = read_transport(pieces);

  std::byte* to = direct.data();
  for (const auto piece : {lead, header_space, rest}) {
    const auto bytes = piece.first(std::min(n, piece.size()));
    n -= bytes.size();
    to += parse(bytes, to);
  }
  if (n != 0) {
    const auto bytes = received_.commit(n, decoder_);
    received_.add_payload(parse(bytes, nullptr));
  }
  received_.trim();
  if (to == direct.data() && !direct.empty()) {
    return received_.deliver(direct);
  }
  return static_cast<std::size_t>(to - direct.data());
}

// One read from the transport that is looked through for control frames only.
void stream_core::drain_input() {
  if (state_.ended()) {
    return;
  }
  const auto scratch = buffer_pool::of(executor_).take();
  const auto space = scratch.bytes();
  const std::size_t n = read_transport({&space, 1});
  discarded_ += parse(space.first(n), nullptr);
  if (state_.close_asked()) {
    drained_ += n;
    if (drained_ > options_.max_drain) {
      end(errc::aborted);
    }
  }
}

// Returns how much payload there is among `bytes`, and gathers it at `to`, which may be before or
// where it is now, or nullptr.
std::size_t stream_core::parse(std::span<std::byte> bytes, std::byte* to) {
  std::size_t payload = 0;
  while (!state_.close_received() && !state_.ended()) {
    const auto item = decoder_.next(bytes);
    switch (item.type) {
      case frame_decoder::item_type::none:
        return payload;
      case frame_decoder::item_type::payload:
        state_.receive_data();
        if (state_.ended()) {
          break;
        }
        if (to != nullptr && to + payload != item.payload.data()) {
          std::memmove(to + payload, item.payload.data(), item.payload.size());
        }
        payload += item.payload.size();
        continue;
      case frame_decoder::item_type::control:
        state_.receive(item.code);
        break;
      case frame_decoder::item_type::failure:
        state_.protocol_error(decoder_.failure());
        break;
    }
    unsettled_ = true;
  }
  return payload;
}

// --- writing

std::optional<io_result> stream_core::try_write(const write_buffers& buffers) {
  if (const auto ec = state_.write_error()) {
    return io_result{ec};
  }
  if (buffers.count == 0) {
    return io_result{};
  }
  queue_.push(buffers);
  pump_output();
  settle();
  return std::exchange(started_, std::nullopt);
}

void stream_core::finish_write(io_handler handler) {
  queue_.back().handler.swap(handler);
}

void stream_core::on_writable() {
  write_wait_ = false;
  pump_output();
  settle();
}

void stream_core::pump_output() {
  while (!write_wait_ && state_.can_send()) {
    if (!queue_.inside_frame()) {
      if (const auto control = state_.due(!queue_.empty())) {
        queue_.begin(*control);
      } else if (queue_.empty()) {
        return;
      }
    }
    frame_encoder::batch batch;
    queue_.gather(batch);
    error_code ec;
    const std::size_t n = transport_->write_some(batch.buffers(), ec);
    if (ec == asio::error::would_block) {
      write_wait_ = true;
      transport_->async_wait(transport::wait_type::write,
                             [self = shared_from_this()](error_code) { self->on_writable(); });
      return;
    }
    if (ec) {
      state_.break_sending(classify(ec));
      unsettled_ = true;
      return;
    }
    const auto progress = queue_.advance(n);
    bytes_written_ += progress.payload;
    if (progress.operation_done) {
      finish(queue_.pop(), {});
    }
    if (progress.control) {
      state_.sent(*progress.control);
      unsettled_ = true;
    }
  }
}

void stream_core::finish(send_queue::operation op, error_code ec) {
  const io_result r{ec, op.accepted};
  if (op.handler) {
    complete(std::move(op.handler), r);
  } else {
    started_ = r;
  }
}

void stream_core::drop_writes(error_code reason) {
  if (state_.can_send()) {
    bytes_written_ += queue_.detach();
  }
  while (!queue_.empty()) {
    finish(queue_.pop(), reason);
  }
}

// --- what the application asks

void stream_core::shutdown_write() {
  state_.shutdown_write();
  unsettled_ = true;
  settle();
}

void stream_core::shutdown_read() {
  state_.shutdown_read();
  unsettled_ = true;
  settle();
  ensure_reading();
}

void stream_core::close() {
  state_.close(!queue_.empty());
  unsettled_ = true;
  settle();
  ensure_reading();
}

void stream_core::end(error_code reason) {
  state_.end(reason);
  unsettled_ = true;
  settle();
}

void stream_core::abort() {
  state_.abort();
  unsettled_ = true;
  settle();
}

// --- consequences

void stream_core::settle() {
  while (std::exchange(unsettled_, false)) {
    if (const auto reason = state_.drop_error(); reason && !queue_.empty()) {
      drop_writes(reason);
    }
    if (state_.discards_input()) {
      discarded_ += received_.discard();
    }
    if (reading_ && state_.read_error()) {
      complete(std::move(std::exchange(reading_, std::nullopt)->handler), {state_.read_error()});
    }
    pump_output();
    if (state_.finished()) {
      state_.end({});
      transport_->close();
      close_timer_.reset();
    } else if (state_.close_received()) {
      start_close_timer();
    }
    changed_.notify_all();
  }
}

void stream_core::start_close_timer() {
  if (close_timer_) {
    return;
  }
  close_timer_.emplace(executor_, options_.close_wait);
  close_timer_->async_wait([self = shared_from_this()](const error_code& ec) {
    if (!ec) {
      self->end(errc::timed_out);
    }
  });
}

}  // namespace flow::detail
