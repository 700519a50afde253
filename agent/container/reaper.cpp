#include "agent/container/reaper.hpp"

#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <optional>

#include "flow/event.hpp"

namespace agent {

using flow::as_result;
using flow::awaitable;

reaper::reaper(flow::asio::any_io_executor executor)
    : executor_(std::move(executor)), child_exited_(executor_, SIGCHLD) {}

awaitable<void> reaper::run() {
  reap_all();
  while (!stopped_) {
    co_await child_exited_.async_wait(as_result);
    reap_all();
  }
}

void reaper::stop() {
  stopped_ = true;
  child_exited_.cancel();
}

void reaper::reap_all() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    const process_exit exit{
        .status = static_cast<std::uint32_t>(WIFSIGNALED(status) ? 128 + WTERMSIG(status)
                                                                 : WEXITSTATUS(status)),
        .exited_at = std::chrono::duration_cast<std::chrono::nanoseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count(),
    };
    if (auto watched = watched_.extract(pid); !watched.empty()) {
      watched.mapped()(exit);
    } else if (expectations_ > 0) {
      unclaimed_.insert_or_assign(pid, exit);
    }
  }
}

void reaper::watch(pid_t pid, handler on_exit) {
  if (auto seen = unclaimed_.extract(pid); !seen.empty()) {
    on_exit(seen.mapped());
  } else {
    watched_.insert_or_assign(pid, std::move(on_exit));
  }
}

awaitable<process_exit> reaper::wait(pid_t pid) {
  flow::event changed(executor_);
  std::optional<process_exit> seen;
  watch(pid, [&](process_exit exit) {
    seen = exit;
    changed.notify_all();
  });
  const auto exited = [&] { return seen.has_value(); };
  co_await changed.wait(exited);
  co_return *seen;
}

}  // namespace agent
