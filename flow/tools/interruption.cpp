#include "flow/tools/interruption.hpp"

#include <boost/asio/signal_set.hpp>
#include <csignal>

namespace flow::tools {

// Shared with the wait for a signal, which may end after the object.
struct interruption::state {
  explicit state(const asio::any_io_executor& executor) : signals(executor, SIGINT, SIGTERM) {}

  asio::signal_set signals;
  std::list<std::function<void()>> handlers;
  bool armed = true;
  bool happened = false;
};

interruption::interruption(const asio::any_io_executor& executor)
    : state_(std::make_shared<state>(executor)) {
  state_->signals.async_wait([s = state_](const error_code& ec, int) {
    if (ec || !s->armed) {
      return;
    }
    s->happened = true;
    s->signals.clear();  // back to the default: the next signal kills
    // A handler may end objects that other handlers belong to, but not at once: handlers stay until
    // this is done.
    for (auto& h : s->handlers) {
      h();
    }
  });
}

interruption::~interruption() {
  state_->armed = false;
  error_code ignored;
  state_->signals.cancel(ignored);
}

bool interruption::happened() const noexcept {
  return state_->happened;
}

interruption::handler::handler(interruption& i, std::function<void()> on_interrupt)
    : handlers_(i.state_->handlers),
      self_(handlers_.insert(handlers_.end(), std::move(on_interrupt))) {}

interruption::handler::~handler() {
  handlers_.erase(self_);
}

}  // namespace flow::tools
