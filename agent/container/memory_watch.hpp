// Hears of it when the kernel writes to a cgroup's memory.events: a limit was met, or a process was
// killed because of one.
#pragma once

#include <array>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "flow/asio.hpp"
#include "flow/error.hpp"

namespace agent {

class memory_watch {
 public:
  // Given the number that add() was given. May call add() and remove().
  using handler = std::function<void(std::uint32_t)>;

  memory_watch(const flow::asio::any_io_executor& executor, handler on_change);
  memory_watch(const memory_watch&) = delete;
  memory_watch& operator=(const memory_watch&) = delete;

  // Watches the cgroup in directory `cgroup`. An error if it cannot be watched.
  flow::result<void> add(std::uint32_t number, const std::string& cgroup);
  void remove(std::uint32_t number);

  // Calls the handler for each change until stop() is called. Several changes in a row may be one
  // call.
  flow::awaitable<void> run();
  void stop();

 private:
  void read_changes();

  handler on_change_;
  flow::asio::posix::stream_descriptor inotify_;
  std::map<int, std::uint32_t> watched_;  // by inotify's watch descriptors, which are never reused
  bool stopped_ = false;
};

}  // namespace agent
