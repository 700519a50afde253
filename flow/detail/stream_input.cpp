// How a stream reads: the application's reads, and the one reader of the transport.

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstring>
#include <utility>

#include "flow/detail/stream_core.hpp"

namespace flow::detail {
namespace {

// An application's buffer of at least this size is read into. For smaller ones a block is read
// ahead and delivered from: one system call for many deliveries is worth a copy. Frames of this
// size are worth a system call with several buffers instead of a copy.
constexpr std::size_t direct_read_size = 16384;

}  // namespace

std::optional<io_result> stream_core::try_read(asio::mutable_buffer buffer) {
  if (reading_) {
    return io_result{errc::invalid_argument};
  }
  if (buffer.size() == 0) {
    return io_result{};
  }
  const std::span to(static_cast<std::byte*>(buffer.data()), buffer.size());
  std::size_t n = received_.deliver(to);
  const bool tries = n == 0 && !state_.read_error() && !input_empty_;
  if (tries) {
    n = read_input(to);
  }
  bytes_read_ += n;
  settle();
  if (n != 0 || tries) {
    ensure_reading_soon();
  } else {
    ensure_reading();
  }
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

// Waiting costs system calls, and the peer those that wake this end up. While data keeps coming it
// is put off until a turn of the executor has passed in which none came: the application reads on
// by itself, or the peer's next write has arrived by then.
void stream_core::ensure_reading_soon() {
  if (read_wait_ || wait_put_off_ || !wants_input()) {
    return;
  }
  wait_put_off_ = true;
  asio::post(executor_, [self = shared_from_this(), seen = bytes_read_] {
    self->wait_put_off_ = false;
    if (self->reading_) {
      self->serve_input();
    } else if (self->bytes_read_ != seen) {
      self->ensure_reading_soon();
    } else {
      self->ensure_reading();
    }
  });
}

void stream_core::on_readable() {
  read_wait_ = false;
  serve_input();
}

void stream_core::serve_input() {
  std::size_t n = 0;
  if (!keeps_input()) {
    drain_input();
  } else if (wants_input()) {
    n = read_input(reading_ ? reading_->buffer : std::span<std::byte>());
    bytes_read_ += n;
  }
  std::optional<pending_read> done;
  if (n != 0) {
    done = std::exchange(reading_, std::nullopt);
  }
  settle();
  if (done) {
    std::move(done->handler)(error_code(), n);
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
  input_empty_ = ec == asio::error::would_block;
  input_exhausted_ = n < room;
  if (n == 0 && !input_empty_) {
    state_.end(ec ? meaning_of(ec) : errc::truncated);
    unsettled_ = true;
  }
  return n;
}

// One read from the transport: into `direct`, the buffer of the application that waits for it, or
// ahead of the application if that is small or empty. Returns how much payload is in `direct` now.
std::size_t stream_core::read_input(std::span<std::byte> direct) {
  if (direct.size() < direct_read_size) {
    read_ahead();
    return received_.deliver(direct);
  }
  // Large frames are read to where they are wanted: the rest of the one that is being read, the
  // next header set apart, and the next payload. Small ones are moved up, over their headers.
  frame_header header;
  auto lead = direct;
  std::span<std::byte> header_space;
  std::span<std::byte> rest;
  if (decoder_.last_length() >= direct_read_size && decoder_.payload_left() < direct.size()) {
    lead = direct.first(decoder_.payload_left());
    header_space = std::span(header).first(decoder_.header_left());
    rest = direct.subspan(lead.size());
  }
  const std::array<std::span<std::byte>, max_read_pieces> pieces{lead, header_space, rest};
  std::size_t n = read_transport(pieces);
  std::byte* to = direct.data();
  for (const auto piece : pieces) {
    const auto bytes = piece.first(std::min(n, piece.size()));
    n -= bytes.size();
    to += parse(bytes, to);
  }
  return static_cast<std::size_t>(to - direct.data());
}

void stream_core::read_ahead() {
  const auto space = received_.prepare();
  const std::size_t n = read_transport({&space, 1});
  if (n != 0) {
    const auto bytes = received_.commit(n, decoder_);
    received_.add_payload(parse(bytes, nullptr));
  }
  received_.trim();
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

// Returns how much payload there is among `bytes`. Gathers it at `to`, which is where the bytes are
// or before, unless that is nullptr.
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

}  // namespace flow::detail
