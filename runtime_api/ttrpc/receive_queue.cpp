#include "runtime_api/ttrpc/receive_queue.hpp"

namespace ttrpc {

receive_queue::receive_queue(const boost::asio::any_io_executor& executor, const limits& allowed)
    : limits_(allowed), changed_(executor) {}

bool receive_queue::has_room() const noexcept {
  // The last message may exceed the bytes, so that a stream of long messages can proceed.
  return ended_ || (messages_.size() < limits_.stream_messages && bytes_ < limits_.stream_bytes);
}

flow::awaitable<bool> receive_queue::wait_room() {
  const auto room = [this] { return has_room(); };
  co_return co_await changed_.wait_for(limits_.stream_stall, room);
}

void receive_queue::push(std::string message) {
  if (ended_) {
    return;
  }
  bytes_ += message.size();
  messages_.push_back(std::move(message));
  changed_.notify_all();
}

void receive_queue::finish() {
  ended_ = true;
  changed_.notify_all();
}

void receive_queue::fail(flow::error reason) {
  if (ended_) {
    return;
  }
  failure_ = std::move(reason);
  finish();
}

flow::awaitable<flow::result<received>> receive_queue::pop(std::string& message) {
  const auto ready = [this] { return !messages_.empty() || ended_; };
  co_await changed_.wait(ready);
  if (messages_.empty()) {
    if (failure_) {
      co_return *failure_;
    }
    co_return received::end;
  }
  message = std::move(messages_.front());
  messages_.pop_front();
  bytes_ -= message.size();
  changed_.notify_all();
  co_return received::message;
}

}  // namespace ttrpc
