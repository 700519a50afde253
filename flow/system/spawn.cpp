#include "flow/system/spawn.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "flow/system/pipe.hpp"
#include "flow/system/retry_interrupted.hpp"

namespace flow {
namespace {

// The step that failed in the child, sent to the parent over a pipe that a successful exec closes.
struct failure {
  int errno_value;
  char step[28];
};

// Everything the child touches is prepared before fork, so that between fork and exec only
// async-signal-safe calls are made.
struct child_plan {
  std::vector<char*> argv;
  std::vector<char*> environment;
  const char* directory;
  std::vector<command::descriptor> descriptors;
  std::string oom_score_adj;
  bool dies_with_parent;
  bool new_session;
  pid_t parent;
  int report;
};

[[noreturn]] void give_up(const child_plan& plan, const char* step) {
  failure f{errno, {}};
  std::strncpy(f.step, step, sizeof(f.step) - 1);
  const auto written = ::write(plan.report, &f, sizeof(f));
  ::_exit(written == sizeof(f) ? 127 : 126);
}

void default_signals() {
  for (int s = 1; s < NSIG; ++s) {
    ::signal(s, SIG_DFL);
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

// Moves the report pipe and every source above every target, then each source onto its target, so
// that no source is overwritten before it is used; then closes everything else.
void arrange_descriptors(child_plan& plan) {
  int above = 3;
  for (const auto& d : plan.descriptors) {
    above = std::max(above, d.to + 1);
  }
  plan.report = ::fcntl(plan.report, F_DUPFD_CLOEXEC, above);
  if (plan.report < 0) {
    ::_exit(126);
  }
  for (auto& d : plan.descriptors) {
    d.from = ::fcntl(d.from, F_DUPFD_CLOEXEC, above);
    if (d.from < 0) {
      give_up(plan, "duplicate a descriptor");
    }
  }
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; ++fd) {
    if (null >= 0 && null != fd) {
      ::dup2(null, fd);
    }
  }
  for (int fd = 3; fd < above; ++fd) {
    ::close(fd);
  }
  for (const auto& d : plan.descriptors) {
    if (::dup2(d.from, d.to) < 0) {
      give_up(plan, "place a descriptor");
    }
  }
  // Higher descriptors are close-on-exec by the project's own rule and by the moves above; a
  // library's descriptor that is not must not leak either.
  if (plan.report > above) {
    ::close_range(static_cast<unsigned>(above), static_cast<unsigned>(plan.report) - 1, 0);
  }
  ::close_range(static_cast<unsigned>(plan.report) + 1, ~0U, 0);
}

void set_oom_score_adj(child_plan& plan) {
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) {
    return;
  }
  // Lowering it needs a privilege the caller may lack; the program runs without it.
  [[maybe_unused]] const auto n = ::write(fd, plan.oom_score_adj.data(), plan.oom_score_adj.size());
  ::close(fd);
}

[[noreturn]] void become(child_plan& plan) {
  default_signals();
  if (plan.new_session) {
    ::setsid();
  }
  if (plan.dies_with_parent) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
      give_up(plan, "tie to the parent");
    }
    if (::getppid() != plan.parent) {
      ::_exit(126);
    }
  }
  arrange_descriptors(plan);
  if (!plan.oom_score_adj.empty()) {
    set_oom_score_adj(plan);
  }
  if (plan.directory != nullptr && ::chdir(plan.directory) != 0) {
    give_up(plan, "enter the directory");
  }
  ::execvpe(plan.argv.front(), plan.argv.data(), plan.environment.data());
  give_up(plan, "execute");
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  out.reserve(strings.size() + 1);
  // exec takes char* for historical reasons and does not write through it.
  for (const auto& s : strings) {
    out.push_back(const_cast<char*>(s.c_str()));
  }  // NOLINT
  out.push_back(nullptr);
  return out;
}

std::vector<char*> inherited_environment() {
  std::vector<char*> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    out.push_back(*entry);
  }
  out.push_back(nullptr);
  return out;
}

}  // namespace

result<pid_t> spawn(const command& c) {
  if (c.argv.empty()) {
    return error(errc::invalid_argument, "spawn: no program given");
  }

  auto report = make_pipe();
  if (!report) {
    return report.error().in("spawn");
  }

  child_plan plan{
      .argv = pointers(c.argv),
      .environment = c.environment ? pointers(*c.environment) : inherited_environment(),
      .directory = c.directory.empty() ? nullptr : c.directory.c_str(),
      .descriptors = c.descriptors,
      .oom_score_adj = c.oom_score_adj ? std::to_string(*c.oom_score_adj) : std::string(),
      .dies_with_parent = c.dies_with_parent,
      .new_session = c.new_session,
      .parent = ::getpid(),
      .report = report->writer.get(),
  };

  const pid_t pid = ::fork();
  if (pid < 0) {
    return system_error("spawn " + c.argv.front() + ": fork");
  }
  if (pid == 0) {
    become(plan);
  }

  report->writer.reset();
  failure f{};
  const auto n = retry_interrupted([&] { return ::read(report->reader.get(), &f, sizeof(f)); });
  if (n == 0) {
    return pid;
  }
  retry_interrupted([&] { return ::waitpid(pid, nullptr, 0); });
  if (n != sizeof(f)) {
    return error(errc::aborted, "spawn " + c.argv.front());
  }
  return system_error(f.errno_value, std::string(f.step) + " " + c.argv.front());
}

}  // namespace flow
