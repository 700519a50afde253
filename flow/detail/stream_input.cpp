// The input of a stream: the application's reads, and the one reader of the transport.

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cstring>
#include <utility>

#include "flow/detail/stream_core.hpp"

namespace flow::detail {
namespace {

// An application buffer of at least this size is read into directly. For smaller ones a block is
// read ahead and delivered from: one system call for many deliveries is worth a copy. Frames of
// this size are worth a system call with several buffers instead of a copy.
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

// Nothing that arrives after the peer's Close, or after the application has stopped reading,
// is kept.
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
  transport_->async_wait(wait_type::read, self());
}

// Waiting costs system calls, also for the peer, which must wake this end. While data keeps coming,
// the wait is put off until a turn of the executor passes in which none came: the application
// continues to read, or the peer's next write has arrived by then.
void stream_core::ensure_reading_soon() {
  if (read_wait_ || wait_put_off_ || !wants_input()) {
    return;
  }
  wait_put_off_ = true;
  asio::post(executor_, [self = self(), seen = bytes_read_] {
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
// ahead of the application if that is small or empty. Returns how much payload is in `direct`.
std::size_t stream_core::read_input(std::span<std::byte> direct) {
  if (direct.size() < direct_read_size) {
    const auto space = received_.prepare();
    auto bytes = space.first(read_transport({&space, 1}));
    const std::size_t n = take_payload(bytes, direct);
    if (bytes.empty()) {
      received_.trim();
    } else {
      const frame_decoder at = decoder_;
      received_.keep(bytes, count_payload(bytes), at);
    }
    return n;
  }
  // Large frames are read directly to their destination: the rest of the current one, the next
  // header separately, and the next payload. Small ones are moved up, over their headers.
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
  std::size_t left = read_transport(pieces);
  std::size_t n = 0;
  for (const auto piece : pieces) {
    auto bytes = piece.first(std::min(left, piece.size()));
    left -= bytes.size();
    n += take_payload(bytes, direct.subspan(n));
  }
  return n;
}

// One read from the transport that is searched for control frames only.
void stream_core::drain_input() {
  if (state_.ended()) {
    return;
  }
  const auto scratch = buffer_pool::of(executor_).take();
  const auto space = scratch.bytes();
  const std::size_t n = read_transport({&space, 1});
  discarded_ += count_payload(space.first(n));
  if (state_.close_asked()) {
    drained_ += n;
    if (drained_ > options_.max_drain) {
      end(errc::aborted);
    }
  }
}

// Takes the next piece of payload and everything before it off the front of `bytes`; none at the
// end of `bytes`, or if the peer's data is ignored from here on. Control frames take effect.
std::span<std::byte> stream_core::next_payload(std::span<std::byte>& bytes) {
  while (!state_.close_received() && !state_.ended()) {
    const auto item = decoder_.next(bytes);
    switch (item.type) {
      case frame_decoder::item_type::none:
        return {};
      case frame_decoder::item_type::payload:
        state_.receive_data();
        if (!state_.ended()) {
          return item.payload;
        }
        break;
      case frame_decoder::item_type::control:
        state_.receive(item.code);
        break;
      case frame_decoder::item_type::failure:
        state_.protocol_error(decoder_.failure());
        break;
    }
    unsettled_ = true;
  }
  return {};
}

// Moves the payload in `bytes` to `to`, which may overlap with it, until `to` is full. Returns how
// much was moved, and leaves the rest in `bytes`.
std::size_t stream_core::take_payload(std::span<std::byte>& bytes, std::span<std::byte> to) {
  std::size_t taken = 0;
  while (taken != to.size()) {
    const auto payload = next_payload(bytes);
    if (payload.empty()) {
      break;
    }
    const std::size_t n = std::min(payload.size(), to.size() - taken);
    if (to.data() + taken != payload.data()) {
      std::memmove(to.data() + taken, payload.data(), n);
    }
    taken += n;
    if (n != payload.size()) {
      decoder_.take_back(payload.size() - n);
      bytes = {payload.data() + n, payload.size() - n + bytes.size()};
    }
  }
  return taken;
}

// How much payload there is in `bytes`.
std::size_t stream_core::count_payload(std::span<std::byte> bytes) {
  std::size_t size = 0;
  for (auto piece = next_payload(bytes); !piece.empty(); piece = next_payload(bytes)) {
    size += piece.size();
  }
  return size;
}

}  // namespace flow::detail
