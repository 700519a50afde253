#include "flow/duplex.hpp"

#include <poll.h>
#include <sys/socket.h>

#include "flow/detail/wait.hpp"
#include "flow/event.hpp"

namespace flow {
namespace {

class framed final : public duplex {
 public:
  framed(std::unique_ptr<transport> t, const stream_options& o) : stream_(std::move(t), o) {}

  asio::any_io_executor get_executor() override { return stream_.get_executor(); }
  awaitable<result<std::size_t>> read_some(asio::mutable_buffer buffer) override {
    return stream_.read_some(buffer);
  }
  awaitable<result<void>> write(asio::const_buffer buffer) override {
    return stream_.write(buffer);
  }
  awaitable<result<void>> shutdown_write() override { return stream_.shutdown_write(); }
  awaitable<result<void>> shutdown_read() override { return stream_.shutdown_read(); }
  bool write_open() const override { return stream_.write_open(); }
  awaitable<void> wait_write_closed() override { return stream_.wait_write_closed(); }
  awaitable<result<void>> close(std::chrono::steady_clock::duration deadline) override {
    return outcome(stream_.close(deadline));
  }
  void abort() noexcept override { stream_.abort(); }

 private:
  static awaitable<result<void>> outcome(awaitable<close_result> closing) {
    const auto r = co_await std::move(closing);
    if (!r.acknowledged) {
      co_return error(r.reason, "close");
    }
    co_return result<void>();
  }

  stream stream_;
};

// Shared with its coroutines, which may outlive the object.
struct raw_state {
  explicit raw_state(std::unique_ptr<transport> t)
      : connection(std::move(t)), changed(connection->get_executor()) {}

  void end_writing(error_code reason) {
    if (!write_error) {
      write_error = reason;
      changed.notify_all();
    }
  }

  void end(error_code reason) {
    if (!read_error) {
      read_error = reason;
    }
    end_writing(reason);
    connection->close();
  }

  std::unique_ptr<transport> connection;
  event changed;
  error_code read_error;
  error_code write_error;
};

using state_ptr = std::shared_ptr<raw_state>;

error_code meaning_of(error_code ec) {
  if (ec == boost::system::errc::broken_pipe) {
    return errc::closed;
  }
  if (ec == boost::system::errc::connection_reset || ec == boost::system::errc::not_connected) {
    return errc::reset;
  }
  return ec;
}

// Both directions have ended: nobody will read. Only AF_UNIX reports this here.
bool hung_up(const transport& t) {
  pollfd p{t.native_handle(), 0, 0};
  return ::poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

awaitable<result<std::size_t>> raw_read(state_ptr s, asio::mutable_buffer buffer) {
  const iovec whole{buffer.data(), buffer.size()};
  while (!s->read_error) {
    error_code ec;
    const std::size_t n = s->connection->read_some({&whole, 1}, ec);
    if (ec == asio::error::would_block) {
      co_await detail::wait(*s->connection, transport::wait_type::read);
    } else if (ec) {
      s->read_error = meaning_of(ec);
      s->end_writing(s->read_error);
    } else if (n == 0) {
      s->read_error = asio::error::eof;
      if (hung_up(*s->connection)) {
        s->end_writing(errc::closed);
      }
    } else {
      co_return n;
    }
  }
  co_return error(s->read_error);
}

awaitable<result<void>> raw_write(state_ptr s, asio::const_buffer buffer) {
  while (!s->write_error && buffer.size() != 0) {
    const iovec rest = detail::to_iovec(buffer);
    error_code ec;
    const std::size_t n = s->connection->write_some({&rest, 1}, ec);
    if (ec == asio::error::would_block) {
      co_await detail::wait(*s->connection, transport::wait_type::write);
    } else if (ec) {
      s->end_writing(meaning_of(ec));
    } else {
      buffer += n;
    }
  }
  if (s->write_error) {
    co_return error(s->write_error);
  }
  co_return result<void>();
}

awaitable<result<void>> raw_shutdown_write(state_ptr s) {
  if (!s->write_error) {
    ::shutdown(s->connection->native_handle(), SHUT_WR);
    s->end_writing(errc::closed);
  }
  co_return result<void>();
}

awaitable<result<void>> raw_shutdown_read(state_ptr s) {
  if (!s->read_error) {
    s->read_error = asio::error::eof;
    ::shutdown(s->connection->native_handle(), SHUT_RD);  // wakes an outstanding read
  }
  co_return result<void>();
}

awaitable<void> raw_wait_write_closed(state_ptr s) {
  while (!s->write_error) {
    co_await s->changed.wait();
  }
}

awaitable<result<void>> raw_close(state_ptr s) {
  s->end(errc::aborted);
  co_return result<void>();
}

class raw final : public duplex {
 public:
  explicit raw(std::unique_ptr<transport> t) : state_(std::make_shared<raw_state>(std::move(t))) {}
  ~raw() override { state_->end(errc::aborted); }

  asio::any_io_executor get_executor() override { return state_->connection->get_executor(); }
  awaitable<result<std::size_t>> read_some(asio::mutable_buffer buffer) override {
    return raw_read(state_, buffer);
  }
  awaitable<result<void>> write(asio::const_buffer buffer) override {
    return raw_write(state_, buffer);
  }
  awaitable<result<void>> shutdown_write() override { return raw_shutdown_write(state_); }
  awaitable<result<void>> shutdown_read() override { return raw_shutdown_read(state_); }
  bool write_open() const override { return !state_->write_error; }
  awaitable<void> wait_write_closed() override { return raw_wait_write_closed(state_); }
  awaitable<result<void>> close(std::chrono::steady_clock::duration /*deadline*/) override {
    return raw_close(state_);
  }
  void abort() noexcept override { state_->end(errc::aborted); }

 private:
  state_ptr state_;
};

}  // namespace

std::unique_ptr<duplex> make_framed(std::unique_ptr<transport> t, const stream_options& o) {
  return std::make_unique<framed>(std::move(t), o);
}

std::unique_ptr<duplex> make_raw(std::unique_ptr<transport> t) {
  return std::make_unique<raw>(std::move(t));
}

}  // namespace flow
