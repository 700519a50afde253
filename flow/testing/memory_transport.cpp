#include "flow/testing/memory_transport.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <utility>

namespace flow::testing {

struct memory_link::state {
  explicit state(asio::any_io_executor ex) : executor(std::move(ex)) {}

  struct end_state {
    memory_pipe incoming;
    transport::waiter read_wait;
    transport::waiter write_wait;
    bool storm_read = false;
    bool storm_write = false;
    bool closed = false;
  };

  void wake_reader(end_state& e) { wake(e.read_wait, transport::wait_type::read); }
  void wake_writer(end_state& e) { wake(e.write_wait, transport::wait_type::write); }

  void wake(transport::waiter& waiting, transport::wait_type type) {
    if (waiting) {
      asio::post(executor, [w = std::move(waiting), type] { w->on_ready(type); });
    }
  }

  static bool readable(const end_state& e) {
    const auto& p = e.incoming;
    return !p.stalled && (!p.bytes.empty() || p.ended || p.broken);
  }
  static bool writable(const end_state& peer) {
    const auto& p = peer.incoming;
    return p.bytes.size() < p.capacity || p.broken || p.discards || peer.closed;
  }

  void poke() {
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if (readable(ends[i])) {
        wake_reader(ends[i]);
      }
      if (writable(ends[1 - i])) {
        wake_writer(ends[i]);
      }
    }
  }

  void reset(shown_as how) {
    for (auto& e : ends) {
      auto& p = e.incoming;
      p.ended = true;
      p.broken = asio::error::connection_reset;
      if (how == shown_as::end) {
        p.broken.clear();
      }
    }
    write_broken = true;
    poke_all();
  }

  void poke_all() {
    for (auto& e : ends) {
      wake_reader(e);
      wake_writer(e);
    }
  }

  // Counts an operation; true if the link breaks at this one.
  bool strike() {
    if (operations_left == 0) {
      return false;
    }
    --operations_left;
    return operations_left == 0;
  }

  asio::any_io_executor executor;
  std::array<end_state, 2> ends;
  std::uint64_t operations_left = 0;
  bool write_broken = false;
};

namespace {

class memory_transport final : public transport {
 public:
  memory_transport(std::shared_ptr<memory_link::state> link, std::size_t index)
      : link_(std::move(link)), self_(link_->ends[index]), peer_(link_->ends[1 - index]) {}
  ~memory_transport() override { close(); }

  asio::any_io_executor get_executor() noexcept override { return link_->executor; }

  std::size_t read_some(std::span<const iovec> buffers, error_code& ec) noexcept override {
    auto& pipe = self_.incoming;
    if (!usable(ec)) {
      return 0;
    }
    const bool storm = pipe.storm && std::exchange(self_.storm_read, !self_.storm_read);
    if (storm || pipe.stalled) {
      ec = asio::error::would_block;
      return 0;
    }
    if (pipe.bytes.empty()) {
      if (pipe.broken || !pipe.ended) {
        ec = pipe.broken ? pipe.broken : error_code(asio::error::would_block);
      }
      return 0;
    }
    std::size_t total = 0;
    for (const auto& b : buffers) {
      const std::size_t n = std::min({b.iov_len, pipe.bytes.size(), pipe.max_read - total});
      const auto end = pipe.bytes.begin() + static_cast<std::ptrdiff_t>(n);
      std::copy(pipe.bytes.begin(), end, static_cast<std::byte*>(b.iov_base));
      pipe.bytes.erase(pipe.bytes.begin(), end);
      total += n;
    }
    link_->poke();
    return total;
  }

  std::size_t write_some(std::span<const iovec> buffers, error_code& ec) noexcept override {
    auto& pipe = peer_.incoming;
    if (!usable(ec)) {
      return 0;
    }
    if (pipe.write_failure && pipe.written >= pipe.fail_writes_after) {
      ec = pipe.write_failure;
      return 0;
    }
    if (link_->write_broken || (peer_.closed && !pipe.discards)) {
      ec = asio::error::broken_pipe;
      return 0;
    }
    const bool storm = pipe.storm && std::exchange(self_.storm_write, !self_.storm_write);
    if (storm || (pipe.bytes.size() >= pipe.capacity && !pipe.discards)) {
      ec = asio::error::would_block;
      return 0;
    }
    std::size_t room = pipe.discards ? memory_pipe::unlimited : pipe.capacity - pipe.bytes.size();
    room = std::min(room, pipe.max_write);
    std::size_t total = 0;
    for (const auto& b : buffers) {
      const std::size_t n = std::min(b.iov_len, room - total);
      const auto* from = static_cast<const std::byte*>(b.iov_base);
      if (!pipe.discards) {
        pipe.bytes.insert(pipe.bytes.end(), from, from + n);
      }
      total += n;
    }
    pipe.written += total;
    ++pipe.writes;
    link_->poke();
    return total;
  }

  void async_wait(wait_type type, waiter w) override {
    (type == wait_type::read ? self_.read_wait : self_.write_wait) = std::move(w);
    if (self_.closed) {
      wake_all();
    } else {
      link_->poke();
    }
  }

  void close() noexcept override {
    if (std::exchange(self_.closed, true)) {
      return;
    }
    auto& pipe = peer_.incoming;
    switch (pipe.closing) {
      case on_close::silent:
        self_.incoming.discards = true;
        break;
      case on_close::drop:
        pipe.bytes.clear();
        pipe.ended = true;
        break;
      case on_close::reset:
        pipe.broken = asio::error::connection_reset;
        break;
      case on_close::deliver:
        pipe.ended = true;
        break;
    }
    self_.incoming.bytes.clear();
    wake_all();
    link_->poke();
  }

 private:
  void wake_all() {
    link_->wake_reader(self_);
    link_->wake_writer(self_);
  }

  bool usable(error_code& ec) noexcept {
    ec.clear();
    if (self_.closed) {
      ec = asio::error::bad_descriptor;
    } else if (link_->strike()) {
      link_->reset(memory_link::shown_as::error);
    }
    return !ec;
  }

  std::shared_ptr<memory_link::state> link_;
  memory_link::state::end_state& self_;
  memory_link::state::end_state& peer_;
};

}  // namespace

memory_link::memory_link(asio::any_io_executor executor)
    : state_(std::make_shared<state>(std::move(executor))) {}

memory_link::~memory_link() = default;

std::unique_ptr<transport> memory_link::first() {
  return std::make_unique<memory_transport>(state_, 0);
}

std::unique_ptr<transport> memory_link::second() {
  return std::make_unique<memory_transport>(state_, 1);
}

memory_pipe& memory_link::to_first() {
  return state_->ends[0].incoming;
}

memory_pipe& memory_link::to_second() {
  return state_->ends[1].incoming;
}

void memory_link::poke() {
  state_->poke_all();
}

void memory_link::reset(shown_as how) {
  state_->reset(how);
}

void memory_link::reset_at_operation(std::uint64_t n) {
  state_->operations_left = n;
}

bool memory_link::broken() const {
  return state_->write_broken;
}

bool memory_link::first_closed() const {
  return state_->ends[0].closed;
}

bool memory_link::second_closed() const {
  return state_->ends[1].closed;
}

}  // namespace flow::testing
