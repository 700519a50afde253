#include "shim/vm/qemu/acceleration_probe.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "flow/deadline.hpp"
#include "flow/system/file.hpp"
#include "flow/system/log_failures.hpp"
#include "flow/task_group.hpp"
#include "runtime_api/guest/contract.hpp"
#include "shim/config/limits.hpp"
#include "shim/vm/helpers/helper_process.hpp"
#include "shim/vm/output_log.hpp"

namespace shim {

using flow::awaitable;
using flow::result;
using flow::system_error;
using flow::unique_fd;

namespace {

// Identifies what was probed: this boot of the host, this hypervisor, this kernel.
std::string subject_of(const machine_description& d, const machine_paths& paths) {
  std::string text;
  if (auto boot = flow::read_file("/proc/sys/kernel/random/boot_id"); boot) {
    text = boot.value().substr(0, boot.value().find('\n'));
  }
  for (const auto& file : {paths.hypervisor, d.guest.kernel}) {
    struct stat status{};
    ::stat(file.c_str(), &status);
    text += " " + file.string() + ":" + std::to_string(status.st_size) + ":" +
            std::to_string(status.st_mtim.tv_sec);
  }
  return text;
}

// The same guest, with nothing but a console, that powers off after its first word.
machine_description probe_of(const machine_description& d) {
  machine_description probe;
  probe.name = "probe";
  probe.guest.memory_mib = limits::probe_memory_mib;
  probe.guest.firmware = d.guest.firmware;
  probe.guest.kernel = d.guest.kernel;
  probe.guest.initramfs = d.guest.initramfs;
  probe.guest.kernel_parameters = guest_contract::probe_parameter;
  probe.guest.console = true;
  return probe;
}

// Empty: it runs. Otherwise: why it does not.
awaitable<std::string> probe_kvm(flow::asio::any_io_executor executor, machine_description d,
                                 machine_paths paths, flow::log& log) {
  if (::access("/dev/kvm", R_OK | W_OK) != 0) {
    co_return system_error("/dev/kvm").message();
  }
  flow::task_group readers(executor, flow::log_failures(log, "kvm probe"));
  auto console = open_output_log(executor, "kvm probe", log);
  if (!console) {
    co_return console.error().message();
  }
  qemu_devices devices;
  devices.console = console.value().writer.get();
  const helper_context context{executor, readers, log};
  auto guest = helper_process::start(
      context, qemu_command(paths.hypervisor, probe_of(d), acceleration::kvm, devices),
      "kvm probe");
  console.value().writer.reset();
  if (!guest) {
    co_return guest.error().message();
  }

  readers.spawn("console", console.value().reader->run());
  bool runs = false;
  {
    // The kernel may print something first.
    const flow::deadline limit(executor, limits::probe, [&] { guest.value()->kill(); });
    runs = co_await console.value().reader->wait_line(guest_contract::first_word);
  }
  guest.value()->kill();
  co_await guest.value()->wait();
  co_await readers.join();
  if (runs) {
    co_return std::string();
  }
  const auto complaint = guest.value()->error_tail();
  co_return complaint.empty() ? "guest did not boot" : complaint;
}

// Waits for the lock without blocking the process.
awaitable<result<unique_fd>> lock(flow::asio::any_io_executor executor, const std::string& path) {
  unique_fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!file) {
    co_return system_error("open " + path);
  }
  while (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      co_return system_error("lock " + path);
    }
    flow::asio::steady_timer pause(executor, limits::retry_probe_lock);
    co_await pause.async_wait(flow::as_result);
  }
  co_return file;
}

}  // namespace

awaitable<result<acceleration>> choose_acceleration(flow::asio::any_io_executor executor,
                                                    machine_description d, machine_paths paths,
                                                    flow::log& log) {
  if (d.guest.acceleration == config::acceleration_mode::kvm) {
    co_return acceleration::kvm;
  }
  if (d.guest.acceleration == config::acceleration_mode::tcg) {
    co_return acceleration::tcg;
  }

  const std::string path = paths.state_directory / "acceleration";
  auto file = co_await lock(executor, path);
  if (!file) {
    co_return file.error();
  }
  const std::string subject = subject_of(d, paths);
  if (auto known = flow::read_file(path); known && known.value().ends_with("\n" + subject + "\n")) {
    co_return known.value().starts_with("kvm\n") ? acceleration::kvm : acceleration::tcg;
  }
  const auto why_not = co_await probe_kvm(executor, d, paths, log);
  const auto answer = why_not.empty() ? acceleration::kvm : acceleration::tcg;
  if (answer == acceleration::tcg) {
    log.warning("KVM not usable, guests are emulated and slower", {{"err", why_not}});
  }
  const auto kept = flow::write_file(path, std::string(name_of(answer)) + "\n" + subject + "\n");
  if (!kept) {
    log.warning("cannot keep the result of the KVM probe", {{"err", kept.error().message()}});
  }
  co_return answer;
}

}  // namespace shim
