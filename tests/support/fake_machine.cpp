#include "tests/support/fake_machine.hpp"

namespace tests {

using flow::awaitable;
using flow::errc;
using flow::error;
using flow::result;

fake_machine::fake_machine(boost::asio::any_io_executor executor)
    : executor_(executor), changed_(executor) {}

awaitable<result<void>> fake_machine::start() {
  if (start_failure) {
    co_return *start_failure;
  }
  co_return result<void>();
}

awaitable<result<std::unique_ptr<flow::transport>>> fake_machine::accept() {
  ++accepting_;
  const auto decided = [this] { return !waiting_.empty() || end_; };
  co_await changed_.wait(decided);
  --accepting_;
  changed_.notify_all();
  if (end_) {
    co_return *end_;
  }
  auto next = std::move(waiting_.front());
  waiting_.pop_front();
  co_return next;
}

awaitable<error> fake_machine::wait_ended() {
  const auto ended = [this] { return end_.has_value(); };
  co_await changed_.wait(ended);
  co_return *end_;
}

awaitable<result<void>> fake_machine::attach(shim::disk d) {
  if (attach_failure) {
    co_return *std::exchange(attach_failure, std::nullopt);
  }
  const auto serial = d.serial;
  disks.emplace(serial, std::move(d));
  co_return result<void>();
}

awaitable<result<void>> fake_machine::detach(std::string serial) {
  disks.erase(serial);
  co_return result<void>();
}

void fake_machine::kill() {
  end("killed");
}

awaitable<void> fake_machine::join() {
  const auto returned = [this] { return accepting_ == 0; };
  co_await changed_.wait(returned);
}

std::unique_ptr<flow::transport> fake_machine::connect() {
  auto& link = *links_.emplace_back(std::make_unique<flow::testing::memory_link>(executor_));
  if (end_) {
    link.reset();
  } else {
    waiting_.push_back(link.first());
  }
  changed_.notify_all();
  return link.second();
}

void fake_machine::end(std::string why) {
  if (!end_) {
    end_ = error(errc::unavailable, std::move(why));
    waiting_.clear();
    for (const auto& link : links_) {
      link->reset();
    }
    changed_.notify_all();
  }
}

}  // namespace tests
