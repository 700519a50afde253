#include "flow/detail/stream_core.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace flow::detail {

void intrusive_ptr_add_ref(stream_core* core) noexcept {
  intrusive_ptr_add_ref(static_cast<transport_waiter*>(core));
}

void intrusive_ptr_release(stream_core* core) noexcept {
  intrusive_ptr_release(static_cast<transport_waiter*>(core));
}

stream_core::stream_core(std::unique_ptr<transport> t, const stream_options& o)
    : transport_(std::move(t)),
      executor_(transport_->get_executor()),
      options_(o),
      decoder_(o.max_frame),
      received_(buffer_pool::of(executor_), o.read_ahead),
      queue_(buffer_pool::of(executor_), o.max_payload),
      changed_(executor_) {}

void stream_core::complete(io_handler handler, io_result r) {
  asio::post(executor_, [h = std::move(handler), r]() mutable { std::move(h)(r.ec, r.n); });
}

void stream_core::on_ready(wait_type type) {
  if (type == wait_type::read) {
    read_wait_ = false;
    serve_input();
  } else {
    write_wait_ = false;
    serve_output();
  }
}

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

void stream_core::settle_changes() {
  while (std::exchange(unsettled_, false)) {
    if (const auto reason = state_.drop_error(); reason && !queue_.empty()) {
      drop_writes(reason);
    }
    if (state_.discards_input()) {
      discarded_ += received_.discard();
    }
    if (const auto reason = state_.read_error(); reason && reading_) {
      complete(std::move(reading_->handler), {reason});
      reading_.reset();
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
  close_timer_->async_wait([self = self()](const error_code& ec) {
    if (!ec) {
      self->end(errc::timed_out);
    }
  });
}

// Translates the transport's errors for the user of a stream.
error_code stream_core::meaning_of(error_code ec) {
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

}  // namespace flow::detail
