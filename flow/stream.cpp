#include "flow/stream.hpp"

#include <boost/asio/post.hpp>

#include "flow/detail/stream_core.hpp"

namespace flow {
namespace detail {
namespace {

// The result of an operation in the form that coroutines return.
result<std::size_t> to_read_result(io_result r) {
  if (r.ec) {
    return error(r.ec);
  }
  return r.n;
}

result<void> to_write_result(io_result r) {
  if (r.ec) {
    return error(r.ec);
  }
  return {};
}

// The coroutines own the core: they may outlive the stream.

// The asynchronous remainder of an operation that could not complete at once.
awaitable<result<std::size_t>> finish_read(core_ptr core, asio::mutable_buffer buffer) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(result<std::size_t>)>(
      [](auto handler, const core_ptr& c, asio::mutable_buffer b) {
        c->finish_read(b, [h = std::move(handler)](error_code ec, std::size_t n) mutable {
          std::move(h)(to_read_result({ec, n}));
        });
      },
      asio::use_awaitable, std::move(core), buffer);
}

awaitable<result<void>> finish_write(core_ptr core) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(result<void>)>(
      [](auto handler, const core_ptr& c) {
        c->finish_write([h = std::move(handler)](error_code ec, std::size_t n) mutable {
          std::move(h)(to_write_result({ec, n}));
        });
      },
      asio::use_awaitable, std::move(core));
}

// A read that is known to have to wait, with one coroutine fewer. By the time it is awaited, it may
// be able to complete at once.
awaitable<result<std::size_t>> read_later(core_ptr core, asio::mutable_buffer buffer) {
  return asio::async_initiate<const asio::use_awaitable_t<>, void(result<std::size_t>)>(
      [](auto handler, const core_ptr& c, asio::mutable_buffer b) {
        start_read(c, b, [h = std::move(handler)](error_code ec, std::size_t n) mutable {
          std::move(h)(to_read_result({ec, n}));
        });
      },
      asio::use_awaitable, std::move(core), buffer);
}

awaitable<result<std::size_t>> read_some(core_ptr core, asio::mutable_buffer buffer) {
  const auto done = core->try_read(buffer);
  if (!done) {
    co_return co_await finish_read(core, buffer);
  }
  if (core->must_yield()) {
    co_await asio::post(core->executor(), asio::use_awaitable);
  }
  co_return to_read_result(*done);
}

awaitable<result<void>> write(core_ptr core, asio::const_buffer buffer) {
  const iovec whole = to_iovec(buffer);
  const auto done = core->try_write({&whole, 1});
  if (!done) {
    co_return co_await finish_write(core);
  }
  if (core->must_yield()) {
    co_await asio::post(core->executor(), asio::use_awaitable);
  }
  co_return to_write_result(*done);
}

awaitable<result<void>> shutdown_write(core_ptr core) {
  core->shutdown_write();
  while (core->state().shutdown_write_pending()) {
    co_await core->changed().wait();
  }
  if (const auto ec = core->state().shutdown_write_error()) {
    co_return error(ec);
  }
  co_return result<void>();
}

awaitable<result<void>> shutdown_read(core_ptr core) {
  core->shutdown_read();
  while (core->state().shutdown_read_pending()) {
    co_await core->changed().wait();
  }
  if (const auto ec = core->state().shutdown_read_error()) {
    co_return error(ec);
  }
  co_return result<void>();
}

awaitable<close_result> close(core_ptr core, std::chrono::steady_clock::duration deadline) {
  const auto limit = core->changed().time().now() + deadline;
  core->close();
  const auto ended = [&] { return core->state().ended(); };
  const bool in_time = co_await core->changed().wait_until(limit, ended);
  if (!in_time) {
    core->end(errc::timed_out);
  }
  close_result r;
  r.acknowledged = core->state().close_received();
  r.peer_first = core->state().peer_closed_first();
  r.reason = core->state().end_reason();
  r.discarded = core->discarded();
  co_return r;
}

awaitable<void> wait_peer_closed(core_ptr core) {
  while (!core->state().close_received() && !core->state().ended()) {
    co_await core->changed().wait();
  }
}

awaitable<void> wait_write_closed(core_ptr core) {
  while (!core->state().write_error()) {
    co_await core->changed().wait();
  }
}

}  // namespace

const asio::any_io_executor& executor_of(const stream_core& core) noexcept {
  return core.executor();
}

void start_read(const core_ptr& core, asio::mutable_buffer buffer, io_handler handler) {
  if (const auto done = core->try_read(buffer)) {
    core->complete(std::move(handler), *done);
  } else {
    core->finish_read(buffer, std::move(handler));
  }
}

void start_write(const core_ptr& core, const write_buffers& buffers, io_handler handler) {
  if (const auto done = core->try_write({buffers.data.data(), buffers.count})) {
    core->complete(std::move(handler), *done);
  } else {
    core->finish_write(std::move(handler));
  }
}

}  // namespace detail

stream::stream(std::unique_ptr<transport> t, const options& o)
    : core_(new detail::stream_core(std::move(t), o)) {
  core_->start();
}

stream& stream::operator=(stream&& other) noexcept {
  if (this != &other) {
    if (core_) {
      core_->abort();
    }
    core_ = std::move(other.core_);
  }
  return *this;
}

stream::~stream() {
  if (core_) {
    core_->abort();
  }
}

stream::executor_type stream::get_executor() const noexcept {
  return core_->executor();
}

awaitable<result<std::size_t>> stream::read_some(asio::mutable_buffer buffer) {
  return core_->read_waits() ? detail::read_later(core_, buffer) : detail::read_some(core_, buffer);
}

awaitable<result<void>> stream::write(asio::const_buffer buffer) {
  return detail::write(core_, buffer);
}

awaitable<result<void>> stream::shutdown_write() {
  return detail::shutdown_write(core_);
}

awaitable<result<void>> stream::shutdown_read() {
  return detail::shutdown_read(core_);
}

awaitable<close_result> stream::close(std::chrono::steady_clock::duration deadline) {
  return detail::close(core_, deadline);
}

void stream::abort() noexcept {
  core_->abort();
}

bool stream::peer_closed() const noexcept {
  return core_->state().close_received() || core_->state().ended();
}

awaitable<void> stream::wait_peer_closed() {
  return detail::wait_peer_closed(core_);
}

bool stream::write_open() const noexcept {
  return !core_->state().write_error();
}

awaitable<void> stream::wait_write_closed() {
  return detail::wait_write_closed(core_);
}

std::uint64_t stream::bytes_read() const noexcept {
  return core_->bytes_read();
}

std::uint64_t stream::bytes_written() const noexcept {
  return core_->bytes_written();
}

}  // namespace flow
