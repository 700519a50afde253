// A simulated virtual machine: the test opens the guest's connections and ends the machine.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "flow/event.hpp"
#include "flow/testing/memory_transport.hpp"
#include "shim/vm/machine.hpp"

namespace tests {

class fake_machine final : public shim::machine {
 public:
  explicit fake_machine(boost::asio::any_io_executor executor);

  flow::awaitable<flow::result<void>> start() override;
  flow::awaitable<flow::result<std::unique_ptr<flow::transport>>> accept() override;
  flow::awaitable<flow::error> wait_ended() override;
  flow::awaitable<flow::result<void>> attach(shim::disk d) override;
  flow::awaitable<flow::result<void>> detach(std::string serial) override;
  void kill() override;
  flow::awaitable<void> join() override;
  std::string console_tail() const override { return console; }

  // The guest connects to us; returns its end.
  std::unique_ptr<flow::transport> connect();

  // One of its processes exits, and every connection of the guest ends with it.
  void end(std::string why);

  bool ended() const noexcept { return end_.has_value(); }

  std::optional<flow::error> start_failure;
  std::optional<flow::error> attach_failure;  // of the next attach()
  std::map<std::string, shim::disk> disks;    // plugged in, by serial number
  std::string console;

 private:
  boost::asio::any_io_executor executor_;
  std::vector<std::unique_ptr<flow::testing::memory_link>> links_;
  std::deque<std::unique_ptr<flow::transport>> waiting_;
  std::optional<flow::error> end_;
  std::size_t accepting_ = 0;
  flow::event changed_;
};

}  // namespace tests
