// Proves that no rule of the system call filter is unused: traces the program through everything it
// can do.
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <csignal>

#include "flow/device/syscall_filter.hpp"
#include "flow/system/unix_socket.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/unit/device/device_fixture.hpp"
#include "tests/unit/device/vsockd_process.hpp"

using namespace tests;
using flow::device::connector_kind;

namespace {

// Traces every system call of the program from the moment the filter is in force.
class tracer {
 public:
  explicit tracer(vsockd_process& p) : process_(p) {}

  // Lets the program run until it waits for anything other than us.
  void turn() {
    for (int quiet = 0; quiet < 3;) {
      int status = 0;
      const auto r = ::waitpid(process_.pid(), &status, WNOHANG);
      if (r == 0) {
        ++quiet;
        ::poll(nullptr, 0, 1);
        continue;
      }
      if (r < 0 || !WIFSTOPPED(status)) {
        ended_ = true;
        status_ = status;
        return;
      }
      quiet = 0;
      handle_stop(WSTOPSIG(status));
    }
  }

  bool ended() const { return ended_; }
  int status() const { return status_; }

  bool saw(const flow::device::syscall_rule& rule) const {
    return std::any_of(calls_.begin(), calls_.end(), [&rule](const auto& c) {
      return static_cast<int>(c.nr) == rule.number &&
             (!rule.only || (c.args[rule.only->index] & rule.only->mask) == rule.only->value);
    });
  }

 private:
  using call = decltype(__ptrace_syscall_info::entry);

  void handle_stop(int signal) {
    int deliver = 0;
    if (signal == (SIGTRAP | 0x80)) {
      __ptrace_syscall_info info{};
      ::ptrace(PTRACE_GET_SYSCALL_INFO, process_.pid(), sizeof info, &info);
      if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        if (confined_) {
          calls_.push_back(info.entry);
        }
        last_ = info.entry.nr;
      } else if (last_ == SYS_seccomp && info.exit.rval == 0) {
        // The library also asks what the kernel supports; the filter is the last such call.
        confined_ = true;
        calls_.clear();
      }
    } else if (signal == SIGSTOP || signal == SIGTRAP) {
      ::ptrace(PTRACE_SETOPTIONS, process_.pid(), 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    } else {
      deliver = signal;
    }
    ::ptrace(PTRACE_SYSCALL, process_.pid(), 0, deliver);
  }

  vsockd_process& process_;
  bool confined_ = false;
  bool ended_ = false;
  int status_ = 0;
  std::uint64_t last_ = 0;
  std::vector<call> calls_;
};

// Makes the program do everything it can do.
void live(vsockd_process& p, const std::string& path) {
  auto& g = p.guest();
  g.boot();
  flow::result<flow::unique_fd> listener =
      path.empty() ? flow::unique_fd() : flow::listen_unix(path + "_80");
  const auto take = [&] {
    return host_socket(path.empty() ? p.take_connection() : *flow::accept_unix(listener->get()));
  };
  {
    guest_socket s(p.kernel(), 1000, 80);
    ASSERT_TRUE(s.connect());
    auto host = take();
    host.send("to the guest");
    ASSERT_TRUE(p.kernel().until([&] { return s.received() == "to the guest"; }));
    s.send_some(pattern(flow::device::receive_buffer));
    s.shutdown(VIRTIO_VSOCK_SHUTDOWN_SEND);
    std::string got;
    ASSERT_TRUE(p.kernel().until([&] {
      got += host.read();
      return host.over();
    }));
    ASSERT_EQ(got.size(), flow::device::receive_buffer);
    s.reset();
  }
  if (!path.empty()) {
    auto fd = flow::connect_unix(path);
    ASSERT_TRUE(fd);
    host_socket client(std::move(*fd));
    client.send("CONNECT 22\n");
    packet request;
    ASSERT_TRUE(p.kernel().until([&] {
      return p.kernel().take_stray(request) && request.header.op == VIRTIO_VSOCK_OP_REQUEST;
    }));
    guest_socket s(p.kernel(), 22, request.header.src_port);
    s.accept(request);
    ASSERT_TRUE(p.kernel().until([&] { return !client.read().empty(); }));
  }
  // A restart, whose event descriptors would block.
  g.stop();
  g.boot();
  const flow::unique_fd blocking(::eventfd(0, EFD_CLOEXEC));
  g.front().send(front_end::request::set_vring_call, std::uint64_t{0}, std::array{blocking.get()});
  g.settle();
  g.front().hang_up();
}

class Rules : public ::testing::TestWithParam<connector_kind> {};

}  // namespace

INSTANTIATE_TEST_SUITE_P(All, Rules,
                         ::testing::Values(connector_kind::uplink, connector_kind::hybrid),
                         [](const auto& p) {
                           return p.param == connector_kind::uplink ? "Uplink" : "Hybrid";
                         });

TEST_P(Rules, NoneIsUnused) {
  if (sanitized) {
    GTEST_SKIP() << "a sanitizer's runtime makes system calls of its own";
  }
  const temporary_directory directory;
  const auto path = GetParam() == connector_kind::hybrid ? directory / "v.sock" : "";
  vsockd_process::options o;
  o.hybrid = path;
  o.in_child = [] { ::ptrace(PTRACE_TRACEME, 0, 0, 0); };
  vsockd_process p(o);
  tracer t(p);
  p.on_turn([&] { t.turn(); });
  ASSERT_NO_FATAL_FAILURE(live(p, path));
  for (int i = 0; i < 1000 && !t.ended(); ++i) {
    t.turn();
  }
  ASSERT_TRUE(t.ended());
  EXPECT_TRUE(WIFEXITED(t.status()));
  EXPECT_EQ(WEXITSTATUS(t.status()), 0);
  for (const auto& rule : flow::device::syscall_rules()) {
    // Whether reading the time is a system call depends on the machine's clock.
    if (rule.needed_by(GetParam()) && rule.number != SYS_clock_gettime) {
      EXPECT_TRUE(t.saw(rule)) << "system call " << rule.number << " (" << rule.reason << ')';
    }
  }
}
