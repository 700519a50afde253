#include "flow/deadline.hpp"

namespace flow {

struct deadline::state {
  state(const asio::any_io_executor& executor, std::chrono::steady_clock::duration after,
        std::function<void()> handler)
      : timer(executor, after), on_expiry(std::move(handler)) {}

  asio::steady_timer timer;
  std::function<void()> on_expiry;
  bool armed = true;
  bool expired = false;
};

deadline::deadline(asio::any_io_executor executor, std::chrono::steady_clock::duration after,
                   std::function<void()> on_expiry)
    : state_(std::make_shared<state>(executor, after, std::move(on_expiry))) {
  state_->timer.async_wait([s = state_](const error_code& ec) {
    if (ec || !s->armed) {
      return;
    }
    s->expired = true;
    s->on_expiry();
  });
}

deadline::~deadline() {
  state_->armed = false;
  state_->timer.cancel();
}

bool deadline::expired() const noexcept {
  return state_->expired;
}

}  // namespace flow
