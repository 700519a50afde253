#include "flow/device/syscall_filter.hpp"

#include <fcntl.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <memory>
#include <string_view>

#include "flow/device/exit_code.hpp"

namespace flow::device {
namespace {

constexpr std::uint64_t whole = ~std::uint64_t{0};

constexpr auto uplink = connector_kind::uplink;
constexpr auto hybrid = connector_kind::hybrid;

constexpr std::array rules{
// For every packet.
#ifdef SYS_epoll_wait
    syscall_rule{SYS_epoll_wait, "wait for events", {}, {}},
#else
    syscall_rule{SYS_epoll_pwait, "wait for events", {}, {}},
#endif
    syscall_rule{SYS_recvmsg, "read from host sockets and the front end", {}, {}},
    syscall_rule{SYS_sendmsg, "write to host sockets, to the front end, to the uplink", {}, {}},
    syscall_rule{SYS_write, "notify the driver by its event descriptor; the log", {}, {}},
    // For connections.
    syscall_rule{SYS_epoll_ctl, "start and stop waiting for a descriptor", {}, {}},
    syscall_rule{SYS_shutdown, "end one half of a host socket", {}, {}},
    syscall_rule{SYS_close, "host sockets, replaced event descriptors", {}, {}},
    syscall_rule{SYS_socketpair, "connections of the guest", {{0, whole, AF_UNIX}}, uplink},
    syscall_rule{SYS_socket, "connections of the guest", {{0, whole, AF_UNIX}}, hybrid},
    syscall_rule{SYS_connect, "connections of the guest", {}, hybrid},
    syscall_rule{SYS_accept4, "clients that connect to the guest", {}, hybrid},
    syscall_rule{SYS_recvfrom, "a client's CONNECT command", {}, hybrid},
    syscall_rule{SYS_sendto, "the answer to it", {}, hybrid},
    // For the setup of memory and rings.
    syscall_rule{SYS_fstat, "the size of the guest's memory", {}, {}},
    syscall_rule{SYS_mmap, "map the guest's memory; the heap", {{2, PROT_EXEC, 0}}, {}},
    syscall_rule{SYS_munmap, "unmap the guest's memory; the heap", {}, {}},
    syscall_rule{SYS_fcntl, "whether an event descriptor blocks", {{1, whole, F_GETFL}}, {}},
    syscall_rule{SYS_fcntl, "make it non-blocking", {{1, whole, F_SETFL}}, {}},
    // For the language runtime.
    syscall_rule{SYS_brk, "the heap", {}, {}},
    syscall_rule{SYS_clock_gettime, "the time, if it is not in the vDSO", {}, {}},
    syscall_rule{SYS_exit_group, "exit", {}, {}},
};

// Allocates nothing and makes no call that the filter could deny.
void say_and_exit(int /*signal*/, siginfo_t* info, void* /*context*/) {
  constexpr std::string_view text = "level=error msg=\"system call denied\" number=";
  std::array<char, 96> line{};
  std::memcpy(line.data(), text.data(), text.size());
  auto* const end =
      std::to_chars(line.data() + text.size(), line.data() + line.size() - 1, info->si_syscall).ptr;
  *end = '\n';
  [[maybe_unused]] const auto n =
      ::write(STDERR_FILENO, line.data(), static_cast<std::size_t>(end + 1 - line.data()));
  ::_exit(static_cast<int>(exit_code::denied_syscall));
}

}  // namespace

std::span<const syscall_rule> syscall_rules() noexcept {
  return rules;
}

result<> install_syscall_filter(connector_kind kind) {
  struct sigaction action{};
  action.sa_sigaction = say_and_exit;
  action.sa_flags = SA_SIGINFO;
  if (::sigaction(SIGSYS, &action, nullptr) != 0) {
    return system_error("sigaction");
  }
  const std::unique_ptr<void, decltype(&seccomp_release)> filter(seccomp_init(SCMP_ACT_TRAP),
                                                                 &seccomp_release);
  if (!filter) {
    return system_error(ENOMEM, "system call filter");
  }
  for (const auto& rule : rules) {
    if (!rule.needed_by(kind)) {
      continue;
    }
    scmp_arg_cmp only{};
    if (rule.only) {
      only = {rule.only->index, SCMP_CMP_MASKED_EQ, rule.only->mask, rule.only->value};
    }
    const int r =
        seccomp_rule_add_array(filter.get(), SCMP_ACT_ALLOW, rule.number, rule.only ? 1 : 0, &only);
    if (r != 0) {
      return system_error(-r, "system call filter");
    }
  }
  // Sets no_new_privs as well.
  if (const int r = seccomp_load(filter.get()); r != 0) {
    return system_error(-r, "load system call filter");
  }
  return {};
}

}  // namespace flow::device
