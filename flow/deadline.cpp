#include "flow/deadline.hpp"

namespace flow {

struct deadline::state {
  state(const asio::any_io_executor& executor, clock::duration after, std::function<void()> handler)
      : time(clock::of(executor)),
        limit(time.now() + after),
        timer(executor),
        on_expiry(std::move(handler)) {
    time.arm(timer, limit);
  }

  clock& time;
  clock::time_point limit;
  asio::steady_timer timer;
  std::function<void()> on_expiry;
  bool armed = true;
  bool expired = false;
};

deadline::deadline(const asio::any_io_executor& executor, clock::duration after,
                   std::function<void()> on_expiry)
    : state_(std::make_shared<state>(executor, after, std::move(on_expiry))) {
  state_->timer.async_wait([s = state_](const error_code& /*ec*/) {
    if (!s->armed || s->time.now() < s->limit) {
      return;
    }
    s->expired = true;
    s->on_expiry();
  });
}

deadline::~deadline() {
  state_->armed = false;
  state_->time.disarm(state_->timer);
  state_->timer.cancel();
}

bool deadline::expired() const noexcept {
  return state_->expired;
}

}  // namespace flow
