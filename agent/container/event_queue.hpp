// Events of the guest that were not yet reported to the shim, in order.
#pragma once

#include <deque>

#include "flow/event.hpp"
#include "hvsock/agent/v1/agent.pb.h"

namespace agent {

class event_queue {
 public:
  explicit event_queue(flow::asio::any_io_executor executor) : changed_(std::move(executor)) {}

  void push(hvsock::agent::v1::Event e) {
    events_.push_back(std::move(e));
    changed_.notify_all();
  }

  bool empty() const noexcept { return events_.empty(); }
  const hvsock::agent::v1::Event& front() const { return events_.front(); }
  void pop() { events_.pop_front(); }

  // Notified by each push().
  flow::event& changed() noexcept { return changed_; }

 private:
  std::deque<hvsock::agent::v1::Event> events_;
  flow::event changed_;
};

}  // namespace agent
