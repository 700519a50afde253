// Watches cgroups' memory.events, which the kernel changes if a limit was reached or a process was
// killed because of one.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <map>
#include <string>

#include "agent/ids.hpp"
#include "flow/asio.hpp"
#include "flow/error.hpp"

namespace agent {

class memory_watch {
 public:
  // Given the id that add() was given. May call add() and remove().
  using handler = std::function<void(container_id)>;

  memory_watch(const flow::asio::any_io_executor& executor, handler on_change);
  memory_watch(const memory_watch&) = delete;
  memory_watch& operator=(const memory_watch&) = delete;

  // Watches the cgroup in directory `cgroup`. An error if it cannot be watched.
  flow::result<void> add(container_id id, const std::string& cgroup);
  void remove(container_id id);  // nothing, if it is not watched

  // Calls the handler for each change until stop() is called. Several changes in a row may be one
  // call.
  flow::awaitable<void> run();
  void stop();

 private:
  void read_changes();

  handler on_change_;
  flow::asio::posix::stream_descriptor inotify_;
  std::map<int, container_id> watched_;  // by inotify's watch descriptors, which are never reused
  bool stopped_ = false;
};

}  // namespace agent
