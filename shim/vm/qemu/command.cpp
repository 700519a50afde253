#include "shim/vm/qemu/command.hpp"

namespace shim {
namespace {

// Quiet: a serial line costs an exit per byte. Panic: at once a reboot, which ends QEMU
// (-no-reboot). An oops too: what was in the kernel then is stuck there, and its exit would be
// waited for without end.
constexpr const char* common_parameters =
    "console=ttyS0 quiet panic=-1 oops=panic no_timer_check random.trust_cpu=on";

// Appends "-chardev socket,id=ID,fd=N" and hands the socket down.
class descriptor_list {
 public:
  explicit descriptor_list(flow::command& c) : command_(c) {}

  // The number that `fd` has in the child.
  int add(int fd) {
    command_.descriptors.push_back({fd, next_});
    return next_++;
  }

  void add_socket(int fd, const std::string& id) {
    command_.argv.insert(command_.argv.end(),
                         {"-chardev", "socket,id=" + id + ",fd=" + std::to_string(add(fd))});
  }

 private:
  flow::command& command_;
  int next_ = 3;
};

}  // namespace

const char* name_of(acceleration a) noexcept {
  return a == acceleration::kvm ? "kvm" : "tcg";
}

flow::command qemu_command(const qemu_options& o) {
  const std::string memory = std::to_string(o.memory_mib) + "M";
  const bool emulated = o.accelerator == acceleration::tcg;
  std::string parameters = common_parameters;
  // What the host's processor is protected against, an emulated one does not have.
  if (emulated) {
    parameters += " mitigations=off";
  }
  parameters += " " + o.kernel_parameters;

  flow::command c;
  c.argv = {
      o.program.string(),
      "-name",
      "hvsock-" + o.name,
      "-nodefaults",
      "-no-user-config",
      "-no-reboot",
      "-display",
      "none",
      "-sandbox",
      "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
      "-machine",
      std::string("q35,accel=") + name_of(o.accelerator) +
          ",memory-backend=memory,sata=off,smbus=off,usb=off,vmport=off",
      "-cpu",
      emulated ? "max" : "host",
      "-smp",
      std::to_string(o.vcpus),
      "-m",
      memory,
      // Shared, so that the vhost-user processes can reach it.
      "-object",
      "memory-backend-memfd,id=memory,share=on,size=" + memory,
      "-bios",
      o.firmware,
      "-kernel",
      o.kernel.string(),
      "-initrd",
      o.initramfs.string(),
      "-append",
      parameters,
  };
  descriptor_list descriptors(c);
  const auto add = [&c](std::initializer_list<std::string> words) {
    c.argv.insert(c.argv.end(), words);
  };
  if (o.disks) {
    add({"-device", "virtio-scsi-pci,id=disks,num_queues=1"});
  }
  if (o.errors >= 0) {
    c.descriptors.push_back({o.errors, 2});
  }
  if (o.console >= 0) {
    descriptors.add_socket(o.console, "console");
    add({"-serial", "chardev:console"});
  }
  if (o.monitor >= 0) {
    descriptors.add_socket(o.monitor, "monitor");
    add({"-mon", "chardev=monitor,mode=control"});
  }
  if (o.share >= 0) {
    descriptors.add_socket(o.share, "share");
    add({"-device", "vhost-user-fs-pci,chardev=share,tag=hvsock"});
  }
  if (o.vsock >= 0) {
    descriptors.add_socket(o.vsock, "vsock");
    add({"-device", "vhost-user-vsock-pci,chardev=vsock"});
  }
  if (o.vhost_vsock >= 0) {
    add({"-device", "vhost-vsock-pci,guest-cid=" + std::to_string(o.guest_cid) +
                        ",vhostfd=" + std::to_string(descriptors.add(o.vhost_vsock))});
  }
  return c;
}

}  // namespace shim
