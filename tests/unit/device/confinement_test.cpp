// The restrictions of the confinement, and that they are effective.
#include "flow/device/confinement.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>
#include <set>
#include <sstream>

#include "flow/device/exit_code.hpp"
#include "flow/system/unix_socket.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/device/vsockd_process.hpp"

using namespace tests;
using flow::device::connector_kind;
using flow::device::exit_code;

namespace {

#define SKIP_IF_SANITIZED()                                                \
  if (sanitized) {                                                         \
    GTEST_SKIP() << "a sanitizer's runtime makes system calls of its own"; \
  }                                                                        \
  static_assert(true)

// Runs `attempt` in a confined child; returns its exit status and its standard error.
run_outcome run_confined(connector_kind kind, const std::function<void()>& attempt) {
  std::array<int, 2> out{};
  if (::pipe2(out.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error("pipe");
  }
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::dup2(out[1], STDERR_FILENO);
    flow::log log(STDERR_FILENO);
    if (!flow::device::confine(kind, log)) {
      ::_exit(1);
    }
    attempt();
    ::_exit(0);
  }
  ::close(out[1]);
  std::string text;
  std::array<char, 4096> part;
  for (ssize_t n = 0; (n = ::read(out[0], part.data(), part.size())) > 0;) {
    text.append(part.data(), static_cast<std::size_t>(n));
  }
  ::close(out[0]);
  int status = 0;
  ::waitpid(pid, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text};
}

struct attempt {
  const char* name;
  long number;
  std::function<void()> make;
};

long raw(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
  return ::syscall(number, a, b, c, d);
}

const std::vector<attempt> attempts{
    {"OpenAFile", SYS_openat, [] { ::open("/etc/passwd", O_RDONLY); }},
    {"InternetSocket", SYS_socket, [] { raw(SYS_socket, AF_INET, SOCK_STREAM); }},
    {"NetlinkSocket", SYS_socket, [] { raw(SYS_socket, AF_NETLINK, SOCK_RAW); }},
    {"VsockSocket", SYS_socket, [] { raw(SYS_socket, AF_VSOCK, SOCK_STREAM); }},
    {"InternetSocketPair", SYS_socketpair, [] { raw(SYS_socketpair, AF_INET, SOCK_STREAM); }},
    {"Bind", SYS_bind, [] { raw(SYS_bind, 0); }},
    {"Execute", SYS_execve, [] { raw(SYS_execve); }},
    {"Fork", SYS_clone, [] { raw(SYS_clone); }},
    {"Kill", SYS_kill, [] { raw(SYS_kill, 1, 0); }},
    {"Trace", SYS_ptrace, [] { raw(SYS_ptrace); }},
    {"ReadAnothersMemory", SYS_process_vm_readv, [] { raw(SYS_process_vm_readv); }},
    {"MapCode", SYS_mmap, [] { raw(SYS_mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE); }},
    {"MakeMemoryExecutable", SYS_mprotect, [] { raw(SYS_mprotect, 0, 4096, PROT_EXEC); }},
    {"DuplicateADescriptor", SYS_fcntl, [] { raw(SYS_fcntl, 0, F_DUPFD, 0); }},
    {"ChangeADescriptorsOwner", SYS_fcntl, [] { raw(SYS_fcntl, 0, F_SETOWN, 1); }},
    {"DeviceControl", SYS_ioctl, [] { raw(SYS_ioctl); }},
    {"Mount", SYS_mount, [] { raw(SYS_mount); }},
    {"ChangeRoot", SYS_chroot, [] { raw(SYS_chroot); }},
    {"EnterANamespace", SYS_setns, [] { raw(SYS_setns); }},
    {"MakeANamespace", SYS_unshare, [] { raw(SYS_unshare); }},
    {"ChangeUser", SYS_setuid, [] { raw(SYS_setuid); }},
    {"ChangeSignalHandlers", SYS_rt_sigaction, [] { raw(SYS_rt_sigaction); }},
    {"ProcessControl", SYS_prctl, [] { raw(SYS_prctl); }},
    {"Asynchronous", SYS_io_uring_setup, [] { raw(SYS_io_uring_setup); }},
    {"KernelPrograms", SYS_bpf, [] { raw(SYS_bpf); }},
};

class Denied : public ::testing::TestWithParam<attempt> {};

}  // namespace

INSTANTIATE_TEST_SUITE_P(All, Denied, ::testing::ValuesIn(attempts),
                         [](const auto& p) { return p.param.name; });

TEST_P(Denied, EndsTheProcessAndSaysWhichItWas) {
  SKIP_IF_SANITIZED();
  for (const auto kind : {connector_kind::uplink, connector_kind::hybrid}) {
    const auto outcome = run_confined(kind, GetParam().make);
    EXPECT_EQ(outcome.status, static_cast<int>(exit_code::denied_syscall));
    EXPECT_NE(outcome.log.find("level=error msg=\"system call denied\" number=" +
                               std::to_string(GetParam().number) + "\n"),
              std::string::npos)
        << outcome.log;
  }
}

TEST(Confinement, SocketPairsAreForTheUplinkOnly) {
  SKIP_IF_SANITIZED();
  const auto make = [] {
    std::array<int, 2> ends{};
    ::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data());
  };
  EXPECT_EQ(run_confined(connector_kind::uplink, make).status, 0);
  EXPECT_EQ(run_confined(connector_kind::hybrid, make).status,
            static_cast<int>(exit_code::denied_syscall));
}

TEST(Confinement, UnixSocketsByNameAreForTheHybridFormOnly) {
  SKIP_IF_SANITIZED();
  const auto make = [] { raw(SYS_socket, AF_UNIX, SOCK_STREAM); };
  EXPECT_EQ(run_confined(connector_kind::uplink, make).status,
            static_cast<int>(exit_code::denied_syscall));
  EXPECT_EQ(run_confined(connector_kind::hybrid, make).status, 0);
}

TEST(Confinement, EveryRuleHasAReason) {
  for (const auto& rule : flow::device::syscall_rules()) {
    EXPECT_GT(std::string_view(rule.reason).size(), 3U) << rule.number;
  }
}

TEST(Confinement, OtherDescriptorsAreClosed) {
  const pid_t pid = ::fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    const int a = ::open("/dev/null", O_RDONLY);
    const int b = ::open("/dev/null", O_RDONLY);
    const int c = ::open("/dev/null", O_RDONLY);
    const int d = ::dup2(a, 500);
    const auto closed = flow::device::close_other_descriptors(std::array{c, -1, a});
    const auto is_open = [](int fd) { return ::fcntl(fd, F_GETFD) >= 0; };
    ::_exit(closed && is_open(a) && !is_open(b) && is_open(c) && !is_open(d) && is_open(1) ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(status, 0);
}

namespace {

// A field of /proc/<pid>/status.
std::string status_field(pid_t pid, const std::string& name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name + ":")) {
      return line.substr(line.find_first_not_of(" \t", name.size() + 1));
    }
  }
  return "";
}

std::set<std::string> names_in(const std::string& directory) {
  std::set<std::string> names;
  if (DIR* d = ::opendir(directory.c_str())) {
    while (const dirent* e = ::readdir(d)) {
      names.insert(e->d_name);
    }
    ::closedir(d);
  }
  return names;
}

}  // namespace

TEST(Confinement, OrdinaryUserIsConfinedAsWell) {
  SKIP_IF_SANITIZED();
  if (::geteuid() != 0) {
    GTEST_SKIP() << "the test itself runs as one";
  }
  vsockd_process::options o;
  o.in_child = [] {
    constexpr uid_t nobody = 65534;
    if (::setresgid(nobody, nobody, nobody) != 0 || ::setresuid(nobody, nobody, nobody) != 0 ||
        ::access(VSOCKD_PATH, X_OK) != 0) {
      ::_exit(127);
    }
  };
  vsockd_process p(o);
  try {
    p.guest().boot();
  } catch (const std::runtime_error&) {
    ASSERT_EQ(p.wait(), 127);
    GTEST_SKIP() << "an ordinary user cannot reach the program";
  }
  EXPECT_EQ(status_field(p.pid(), "CapEff"), "0000000000000000");
  EXPECT_EQ(status_field(p.pid(), "Seccomp"), "2");
  guest_socket s(p.kernel(), 1000, 80);
  EXPECT_TRUE(s.connect());
}

namespace {

// Simulates a system that does not allow namespaces to this user.
void forbid_namespaces() {
  auto* const filter = seccomp_init(SCMP_ACT_ALLOW);
  seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SYS_unshare, 0);
  seccomp_load(filter);
}

}  // namespace

TEST(Confinement, WithoutNamespacesThereIsAWarningAndTheFilter) {
  SKIP_IF_SANITIZED();
  vsockd_process::options o;
  o.in_child = forbid_namespaces;
  vsockd_process p(o);
  p.guest().boot();
  EXPECT_NE(p.log().find("level=warning msg=\"not isolated by namespaces"), std::string::npos);
  EXPECT_EQ(status_field(p.pid(), "Seccomp"), "2");
  guest_socket s(p.kernel(), 1000, 80);
  EXPECT_TRUE(s.connect());
}

TEST(Confinement, HybridFormWorksWithoutNamespacesToo) {
  SKIP_IF_SANITIZED();
  const temporary_directory directory;
  vsockd_process::options o;
  o.hybrid = directory / "v.sock";
  o.in_child = forbid_namespaces;
  auto listener = flow::listen_unix(o.hybrid + "_80");
  vsockd_process p(o);
  p.guest().boot();
  guest_socket s(p.kernel(), 1000, 80);
  EXPECT_TRUE(s.connect());
  EXPECT_TRUE(flow::connect_unix(o.hybrid));
}

TEST(Confinement, RunningProgramHasNothingLeft) {
  SKIP_IF_SANITIZED();
  vsockd_process p({});
  p.guest().boot();  // it answers only when it is confined
  EXPECT_EQ(status_field(p.pid(), "CapPrm"), "0000000000000000");
  EXPECT_EQ(status_field(p.pid(), "CapEff"), "0000000000000000");
  EXPECT_EQ(status_field(p.pid(), "NoNewPrivs"), "1");
  EXPECT_EQ(status_field(p.pid(), "Seccomp"), "2");
  EXPECT_EQ(status_field(p.pid(), "Threads"), "1");
  if (::geteuid() != 0) {
    GTEST_SKIP() << "the rest can be seen by root only";
  }
  const auto proc = "/proc/" + std::to_string(p.pid());
  EXPECT_EQ(names_in(proc + "/root"), (std::set<std::string>{".", ".."}));
  std::ifstream devices(proc + "/net/dev");
  std::stringstream all;
  all << devices.rdbuf();
  EXPECT_EQ(all.str().find("eth"), std::string::npos);
  EXPECT_NE(all.str().find("lo:"), std::string::npos);
}
