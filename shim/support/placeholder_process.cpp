#include "shim/support/placeholder_process.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "flow/system/pipe.hpp"
#include "flow/system/retry_interrupted.hpp"
#include "flow/unique_fd.hpp"

namespace shim {

using flow::errc;
using flow::error;
using flow::result;
using flow::system_error;
using flow::unique_fd;

namespace {

// How the child enters its network; everything is prepared before the fork.
struct network_entry {
  bool fresh = false;
  unique_fd existing;
  unique_fd report;  // the child writes its result: an errno, 0 for success
};

int enter(const network_entry& network) {
  const int done =
      network.fresh ? ::unshare(CLONE_NEWNET) : ::setns(network.existing.get(), CLONE_NEWNET);
  return done == 0 ? 0 : errno;
}

[[noreturn]] void run_placeholder(pid_t parent, const network_entry& network) {
  for (int s = 1; s < NSIG; ++s) {
    ::signal(s, SIG_DFL);
  }
  // Signals to the shim's process group must not reach it.
  ::setsid();
  ::prctl(PR_SET_NAME, "hvsock-process");
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) {
    ::_exit(0);
  }
  if (network.report) {
    const int how = enter(network);
    if (::write(network.report.get(), &how, sizeof(how)) != sizeof(how) || how != 0) {
      ::_exit(1);
    }
  }
  ::close_range(0, ~0U, 0);
  for (;;) {
    ::pause();
  }
}

result<std::unique_ptr<placeholder_process>> start_in(const network_entry& network) {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) {
    return system_error("fork");
  }
  if (pid == 0) {
    run_placeholder(parent, network);
  }
  return std::make_unique<placeholder_process>(pid);
}

}  // namespace

result<std::unique_ptr<placeholder_process>> placeholder_process::start(
    const std::optional<std::string>& network) {
  if (!network) {
    return start_in(network_entry());
  }
  const std::string name = network->empty() ? "new network namespace" : "network " + *network;
  network_entry entry;
  entry.fresh = network->empty();
  if (!entry.fresh) {
    // The path may name something else, such as a FIFO, which must not block the shim.
    entry.existing.reset(::open(network->c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!entry.existing) {
      return error(errc::invalid_argument, system_error(name).message());
    }
  }
  auto pipe = flow::make_pipe();
  if (!pipe) {
    return pipe.error();
  }
  entry.report = std::move(pipe->writer);
  auto started = start_in(entry);
  entry.report.reset();
  if (!started) {
    return started;
  }
  // The pid may be published only once /proc/PID/ns/net is right.
  int how = ECHILD;
  const auto n =
      flow::retry_interrupted([&] { return ::read(pipe->reader.get(), &how, sizeof(how)); });
  if (n != sizeof(how)) {
    how = ECHILD;
  }
  if (how != 0) {
    return error(errc::invalid_argument, system_error(how, name).message());
  }
  return started;
}

placeholder_process::~placeholder_process() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

}  // namespace shim
