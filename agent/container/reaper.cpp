#include "agent/container/reaper.hpp"

#include <sys/wait.h>

#include <chrono>
#include <csignal>

#include "flow/event.hpp"

namespace agent {

using flow::as_result;
using flow::awaitable;

reaper::reaper(flow::asio::any_io_executor executor)
    : executor_(std::move(executor)), child_ended_(executor_, SIGCHLD) {}

awaitable<void> reaper::run() {
  reap_all();
  while (!stopped_) {
    co_await child_ended_.async_wait(as_result);
    reap_all();
  }
}

void reaper::stop() {
  stopped_ = true;
  child_ended_.cancel();
}

void reaper::reap_all() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    const process_end end{
        .status = static_cast<std::uint32_t>(WIFSIGNALED(status) ? 128 + WTERMSIG(status)
                                                                 : WEXITSTATUS(status)),
        .ended_at = std::chrono::duration_cast<std::chrono::nanoseconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count(),
    };
    if (auto watched = watched_.extract(pid); !watched.empty()) {
      watched.mapped()(end);
    } else if (expectations_ > 0) {
      unclaimed_.insert_or_assign(pid, end);
    }
  }
}

void reaper::watch(pid_t pid, handler on_end) {
  if (auto ended = unclaimed_.extract(pid); !ended.empty()) {
    on_end(ended.mapped());
  } else {
    watched_.insert_or_assign(pid, std::move(on_end));
  }
}

awaitable<process_end> reaper::wait(pid_t pid) {
  flow::event ended(executor_);
  process_end end;
  bool done = false;
  watch(pid, [&](process_end e) {
    end = e;
    done = true;
    ended.notify_all();
  });
  while (!done) {
    co_await ended.wait();
  }
  co_return end;
}

}  // namespace agent
