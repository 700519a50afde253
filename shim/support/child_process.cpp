#include "shim/support/child_process.hpp"

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace shim {

using flow::as_result;
using flow::awaitable;
using flow::result;
using flow::system_error;

result<std::unique_ptr<child_process>> child_process::start(
    const flow::asio::any_io_executor& executor, flow::command c, lifetime bound) {
  c.dies_with_parent = bound == lifetime::ends_with_shim;
  c.new_session = true;
  const auto pid = flow::spawn(c);
  if (!pid) {
    return pid.error();
  }
  const auto pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid.value(), 0));
  if (pidfd < 0) {
    ::kill(pid.value(), SIGKILL);
    ::waitpid(pid.value(), nullptr, 0);
    return system_error("pidfd_open " + c.argv.front());
  }
  auto name = c.argv.front().substr(c.argv.front().rfind('/') + 1);
  return std::make_unique<child_process>(executor, std::move(name), pid.value(), pidfd);
}

child_process::child_process(const flow::asio::any_io_executor& executor, std::string name,
                             pid_t pid, int pidfd)
    : name_(std::move(name)), pid_(pid), pidfd_(executor, pidfd) {}

child_process::~child_process() {
  if (ended_) {
    return;
  }
  kill();
  reap(0);
}

void child_process::kill(int signal) noexcept {
  // Until the process is reaped, its pid cannot be reused.
  if (!ended_) {
    ::kill(pid_, signal);
  }
}

awaitable<void> child_process::wait() {
  while (!ended_) {
    const auto r =
        co_await pidfd_.async_wait(boost::asio::posix::descriptor_base::wait_read, as_result);
    if (std::get<0>(r)) {
      co_return;
    }
    reap(WNOHANG);
  }
}

void child_process::reap(int flags) noexcept {
  siginfo_t info{};
  if (ended_) {
    return;
  }
  if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | flags) != 0) {
    return;
  }
  if (info.si_pid != pid_) {
    return;
  }
  ended_ = true;
  code_ = info.si_code;
  status_ = info.si_status;
}

bool child_process::ended_well() const noexcept {
  return code_ == CLD_EXITED && status_ == 0;
}

std::string child_process::end_text() const {
  if (code_ == CLD_EXITED) {
    return name_ + " exited with status " + std::to_string(status_);
  }
  return name_ + " was killed by signal " + std::to_string(status_);
}

}  // namespace shim
