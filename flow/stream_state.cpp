#include "flow/stream_state.hpp"

#include <boost/asio/error.hpp>

namespace flow {

void stream_state::refuse() noexcept {
  if (sending_ != sending::ended) {
    sending_ = sending::refused;
  }
}

void stream_state::shutdown_write() noexcept {
  if (sending_ == sending::open) {
    sending_ = sending::ending;
  }
}

void stream_state::shutdown_read() noexcept {
  if (read_stopped_ || close_asked_) {
    return;
  }
  read_stopped_ = true;
  read_error_ = boost::asio::error::eof;
  if (!close_received_ && !ended_) {
    shutdown_read_ = notice::due;
  }
}

void stream_state::close(bool data_queued) noexcept {
  if (close_asked_) {
    return;
  }
  close_asked_ = true;
  read_error_ = errc::aborted;
  if (sending_ == sending::open || data_queued) {
    refuse();
  }
  if (close_ == notice::none && !ended_) {
    close_ = notice::due;
  }
}

void stream_state::abort() noexcept {
  if (!ended_) {
    read_stopped_ = true;
    read_error_ = errc::aborted;
    end(errc::aborted);
  }
}

void stream_state::receive(frame_code code) noexcept {
  if (!hears_peer()) {
    return;
  }
  switch (code) {
    case frame_code::shutdown_read:
      refuse();
      return;
    case frame_code::shutdown_write:
      peer_stopped_writing_ = true;
      break;
    case frame_code::close:
      close_received_ = true;
      peer_first_ = close_ != notice::sent;
      refuse();
      if (shutdown_read_ == notice::due) {
        shutdown_read_ = notice::none;
      }
      if (close_ == notice::none) {
        close_ = notice::due;
      }
      break;
  }
  if (!read_error_) {
    read_error_ = boost::asio::error::eof;
  }
}

void stream_state::receive_data() noexcept {
  if (peer_stopped_writing_) {
    protocol_error(errc::protocol);
  }
}

// Withdraws an end of data that was announced earlier: more followed.
void stream_state::protocol_error(error_code reason) noexcept {
  if (!hears_peer()) {
    return;
  }
  if (!discards_input()) {
    read_error_ = reason;
  }
  end(reason);
}

void stream_state::end(error_code reason) noexcept {
  if (ended_) {
    return;
  }
  ended_ = true;
  if (!close_received_) {
    end_reason_ = reason;
  }
  break_sending(reason);
  if (!read_error_) {
    read_error_ = reason;
  }
}

void stream_state::break_sending(error_code reason) noexcept {
  if (!broken_) {
    broken_ = reason;
  }
}

std::optional<frame_code> stream_state::due(bool data_queued) const noexcept {
  if (!can_send()) {
    return std::nullopt;
  }
  if (shutdown_read_ == notice::due) {
    return frame_code::shutdown_read;
  }
  if (data_queued) {
    return std::nullopt;
  }
  if (sending_ == sending::ending) {
    return frame_code::shutdown_write;
  }
  if (close_ == notice::due) {
    return frame_code::close;
  }
  return std::nullopt;
}

void stream_state::sent(frame_code code) noexcept {
  switch (code) {
    case frame_code::shutdown_read:
      shutdown_read_ = notice::sent;
      return;
    case frame_code::shutdown_write:
      sending_ = sending::ended;
      return;
    case frame_code::close:
      close_ = notice::sent;
      return;
  }
}

error_code stream_state::write_error() const noexcept {
  return sending_ == sending::open ? broken_ : errc::closed;
}

error_code stream_state::drop_error() const noexcept {
  if (sending_ == sending::open || sending_ == sending::ending) {
    return broken_;
  }
  return errc::closed;
}

bool stream_state::shutdown_write_pending() const noexcept {
  return sending_ == sending::ending && !broken_;
}

error_code stream_state::shutdown_write_error() const noexcept {
  return sending_ == sending::ending ? broken_ : error_code();
}

bool stream_state::shutdown_read_pending() const noexcept {
  return shutdown_read_ == notice::due && !broken_;
}

error_code stream_state::shutdown_read_error() const noexcept {
  return shutdown_read_ == notice::due ? broken_ : error_code();
}

bool stream_state::finished() const noexcept {
  if (ended_ || !close_received_) {
    return ended_;
  }
  return broken_ || (close_ == notice::sent && !peer_first_);
}

}  // namespace flow
