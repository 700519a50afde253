#include "shim/vm/qemu/acceleration_probe.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>

#include "flow/deadline.hpp"
#include "flow/system/file.hpp"
#include "flow/task_group.hpp"
#include "runtime_api/guest/contract.hpp"
#include "shim/config/limits.hpp"
#include "shim/support/child_process.hpp"
#include "shim/vm/output_log.hpp"

namespace shim {

using flow::awaitable;
using flow::error;
using flow::result;
using flow::system_error;
using flow::unique_fd;

namespace {

// Identifies what was probed: this boot of the host, this hypervisor, this kernel.
std::string subject(const config& c) {
  std::string text;
  if (auto boot = flow::read_file("/proc/sys/kernel/random/boot_id"); boot) {
    text = boot.value().substr(0, boot.value().find('\n'));
  }
  for (const auto& file : {c.hypervisor, c.kernel}) {
    struct stat status{};
    ::stat(file.c_str(), &status);
    text += " " + file.string() + ":" + std::to_string(status.st_size) + ":" +
            std::to_string(status.st_mtim.tv_sec);
  }
  return text;
}

// Empty: it runs. Otherwise: why it does not.
awaitable<std::string> probe_kvm(flow::asio::any_io_executor executor, const config& c,
                                 flow::log& log) {
  if (::access("/dev/kvm", R_OK | W_OK) != 0) {
    co_return system_error("/dev/kvm").message();
  }
  std::array<int, 2> console{};
  std::array<int, 2> errors{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, console.data()) != 0 ||
      ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, errors.data()) != 0) {
    co_return system_error("socketpair").message();
  }
  output_log said(executor, unique_fd(console[0]), "kvm probe", log);
  output_log complained(executor, unique_fd(errors[0]), "kvm probe", log);
  qemu_options options;
  options.program = c.hypervisor;
  options.kernel = c.kernel;
  options.initramfs = c.initramfs;
  options.firmware = c.firmware;
  options.kernel_parameters = guest_contract::probe_parameter;
  options.accelerator = acceleration::kvm;
  options.memory_mib = limits::probe_memory_mib;
  options.name = "probe";
  options.console = console[1];
  options.errors = errors[1];
  auto guest = child_process::start(executor, qemu_command(options));
  ::close(console[1]);
  ::close(errors[1]);
  if (!guest) {
    co_return guest.error().message();
  }

  flow::task_group readers(executor, [](const std::string&, const std::exception_ptr&) {});
  readers.spawn("console", said.run());
  readers.spawn("errors", complained.run());
  bool runs = false;
  {
    // The kernel may have something to say before.
    const flow::deadline limit(executor, limits::probe, [&] { guest.value()->kill(); });
    runs = co_await said.wait_line(guest_contract::first_word);
  }
  guest.value()->kill();
  co_await guest.value()->wait();
  co_await readers.join();
  if (runs) {
    co_return std::string();
  }
  co_return complained.tail().empty() ? "the guest does not boot" : complained.tail();
}

// Waits for the lock without holding up the process.
awaitable<result<unique_fd>> lock(flow::asio::any_io_executor executor, const std::string& path) {
  unique_fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) {
    co_return system_error("open " + path);
  }
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      co_return system_error("lock " + path);
    }
    flow::asio::steady_timer pause(executor, std::chrono::milliseconds(20));
    co_await pause.async_wait(flow::as_result);
  }
  co_return file;
}

}  // namespace

awaitable<result<acceleration>> choose_acceleration(flow::asio::any_io_executor executor,
                                                    const config& c, flow::log& log) {
  if (c.acceleration == config::acceleration_mode::kvm) {
    co_return acceleration::kvm;
  }
  if (c.acceleration == config::acceleration_mode::tcg) {
    co_return acceleration::tcg;
  }

  const std::string path = c.state_directory / "acceleration";
  auto file = co_await lock(executor, path);
  if (!file) {
    co_return file.error();
  }
  const std::string wanted = subject(c);
  if (auto known = flow::read_file(path); known && known.value().ends_with("\n" + wanted + "\n")) {
    co_return known.value().starts_with("kvm\n") ? acceleration::kvm : acceleration::tcg;
  }
  const auto why_not = co_await probe_kvm(executor, c, log);
  const auto answer = why_not.empty() ? acceleration::kvm : acceleration::tcg;
  if (answer == acceleration::tcg) {
    log.warning("KVM is not usable; guests are emulated, which is slower", {{"err", why_not}});
  }
  const auto kept = flow::write_file(path, std::string(name_of(answer)) + "\n" + wanted + "\n");
  if (!kept) {
    log.warning("probe result not kept", {{"err", kept.error().message()}});
  }
  co_return answer;
}

}  // namespace shim
