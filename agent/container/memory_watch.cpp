#include "agent/container/memory_watch.hpp"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "agent/limits.hpp"

namespace agent {

using flow::as_result;
using flow::awaitable;
using flow::result;
using flow::system_error;

memory_watch::memory_watch(const flow::asio::any_io_executor& executor, handler on_change)
    : on_change_(std::move(on_change)), inotify_(executor) {
  const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  // Without one, add() fails.
  if (fd >= 0) {
    inotify_.assign(fd);
  }
}

result<void> memory_watch::add(container_id id, const std::string& cgroup) {
  const std::string file = cgroup + "/memory.events";
  const int watch = inotify_.is_open()
                        ? ::inotify_add_watch(inotify_.native_handle(), file.c_str(), IN_MODIFY)
                        : -1;
  if (watch < 0) {
    return system_error("watch " + file);
  }
  watched_[watch] = id;
  return {};
}

void memory_watch::remove(container_id id) {
  std::erase_if(watched_, [&](const auto& entry) {
    if (entry.second != id) {
      return false;
    }
    ::inotify_rm_watch(inotify_.native_handle(), entry.first);
    return true;
  });
}

awaitable<void> memory_watch::run() {
  while (!stopped_ && inotify_.is_open()) {
    const auto ready =
        co_await inotify_.async_wait(flow::asio::posix::stream_descriptor::wait_read, as_result);
    if (std::get<0>(ready)) {
      co_return;
    }
    read_changes();
  }
}

void memory_watch::read_changes() {
  alignas(inotify_event) std::array<char, limits::inotify_buffer> buffer{};
  const auto n = ::read(inotify_.native_handle(), buffer.data(), buffer.size());
  for (std::size_t at = 0; n > 0 && at < static_cast<std::size_t>(n);) {
    inotify_event event{};
    std::memcpy(&event, buffer.data() + at, sizeof(event));
    at += sizeof(event) + event.len;
    const auto found = watched_.find(event.wd);
    if (found == watched_.end()) {
      continue;
    }
    if ((event.mask & IN_IGNORED) != 0) {
      watched_.erase(found);
      continue;
    }
    const container_id id = found->second;  // the handler may remove the entry
    on_change_(id);
  }
}

void memory_watch::stop() {
  stopped_ = true;
  inotify_.cancel();
}

}  // namespace agent
