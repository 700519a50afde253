#include "shim/host_process.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace shim {
namespace {

[[noreturn]] void exist(pid_t parent) {
  for (int s = 1; s < NSIG; ++s) {
    ::signal(s, SIG_DFL);
  }
  // What is sent to the shim's process group is not meant for it.
  ::setsid();
  ::prctl(PR_SET_NAME, "hvsock-process");
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) {
    ::_exit(0);
  }
  ::close_range(0, ~0U, 0);
  for (;;) {
    ::pause();
  }
}

}  // namespace

flow::result<std::unique_ptr<host_process>> host_process::start() {
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) {
    return flow::system_error("fork");
  }
  if (pid == 0) {
    exist(parent);
  }
  return std::make_unique<host_process>(pid);
}

host_process::~host_process() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

}  // namespace shim
