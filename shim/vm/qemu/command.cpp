#include "shim/vm/qemu/command.hpp"

#include "runtime_api/guest/contract.hpp"

namespace shim {
namespace {

// Quiet: a serial line costs an exit per byte. Panic: at once a reboot, which ends QEMU
// (-no-reboot). An oops too: a process that was in the kernel then is stuck there, and its exit would
// be waited for forever.
constexpr const char* common_parameters =
    "console=ttyS0 quiet panic=-1 oops=panic no_timer_check random.trust_cpu=on";

// The guest's processor, memory and kernel.
void add_board(flow::command& c, const machine_description& d, acceleration accelerator,
               std::uint32_t port) {
  const auto& guest = d.guest;
  const bool emulated = accelerator == acceleration::tcg;
  const std::string memory = std::to_string(guest.memory_mib) + "M";
  std::string parameters = common_parameters;
  // What the host's processor is protected against, an emulated one does not have.
  if (emulated) {
    parameters += " mitigations=off";
  }
  parameters += agent_parameters(guest, port);

  c.argv.insert(c.argv.end(),
                {
                    "-machine",
                    std::string("q35,accel=") + name_of(accelerator) +
                        ",memory-backend=memory,sata=off,smbus=off,usb=off,vmport=off",
                    "-cpu",
                    emulated ? "max" : "host",
                    "-smp",
                    std::to_string(guest.processors),
                    "-m",
                    memory,
                    // Shared, so that the vhost-user processes can reach it.
                    "-object",
                    "memory-backend-memfd,id=memory,share=on,size=" + memory,
                    "-bios",
                    guest.firmware,
                    "-kernel",
                    guest.kernel.string(),
                    "-initrd",
                    guest.initramfs.string(),
                    "-append",
                    parameters,
                });
}

// Adds devices, each with the descriptor that is its other end.
class device_list {
 public:
  explicit device_list(flow::command& c) : command_(c) {}

  void add(std::initializer_list<std::string> words) {
    command_.argv.insert(command_.argv.end(), words);
  }

  // Hands `fd` down; returns the number that it has in QEMU.
  std::string hand_down(int fd) {
    command_.descriptors.push_back({fd, next_});
    return std::to_string(next_++);
  }

  // Words for a device whose other end is the socket `fd`, which they call `id`. None if it is -1.
  void add_connected(int fd, const std::string& id, std::initializer_list<std::string> words) {
    if (fd >= 0) {
      add({"-chardev", "socket,id=" + id + ",fd=" + hand_down(fd)});
      add(words);
    }
  }

 private:
  flow::command& command_;
  int next_ = 3;
};

}  // namespace

const char* name_of(acceleration a) noexcept {
  return a == acceleration::kvm ? "kvm" : "tcg";
}

flow::command qemu_command(const std::filesystem::path& program, const machine_description& d,
                           acceleration accelerator, const qemu_devices& devices) {
  flow::command c;
  c.argv = {program.string(),
            "-name",
            "hvsock-" + d.name,
            "-nodefaults",
            "-no-user-config",
            "-no-reboot",
            "-display",
            "none",
            "-sandbox",
            "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"};
  add_board(c, d, accelerator, devices.port);

  device_list list(c);
  if (d.guest.disks) {
    list.add({"-device", "virtio-scsi-pci,id=disks,num_queues=1"});
  }
  list.add_connected(devices.console, "console", {"-serial", "chardev:console"});
  list.add_connected(devices.monitor, "monitor", {"-mon", "chardev=monitor,mode=control"});
  list.add_connected(
      devices.share, "share",
      {"-device", std::string("vhost-user-fs-pci,chardev=share,tag=") + guest_contract::share_tag});
  list.add_connected(devices.vsock, "vsock", {"-device", "vhost-user-vsock-pci,chardev=vsock"});
  if (devices.vhost_vsock >= 0) {
    list.add({"-device", "vhost-vsock-pci,guest-cid=" + std::to_string(devices.guest_cid) +
                             ",vhostfd=" + list.hand_down(devices.vhost_vsock)});
  }
  return c;
}

}  // namespace shim
