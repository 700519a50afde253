#include "tests/vm/virtual_machine.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <stdexcept>
#include <vector>

#include "flow/system/unix_socket.hpp"
#include "tests/support/sanitized.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/vm/initramfs.hpp"

namespace tests {
namespace {

namespace fs = std::filesystem;

// Longer than any operation takes; only a hang reaches it.
constexpr int patience_ms = 60'000;

constexpr int child_first = 10;

void wait_readable(int fd) {
  pollfd p{fd, POLLIN, 0};
  if (::poll(&p, 1, patience_ms) != 1) {
    throw std::runtime_error("nothing comes");
  }
}

void set_blocking(int fd) {
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

std::string read_line(int fd) {
  std::string line;
  for (;;) {
    wait_readable(fd);
    char c = 0;
    if (::read(fd, &c, 1) != 1) {
      throw std::runtime_error("connection ended after: " + line);
    }
    if (c == '\n') {
      return line;
    }
    line += c;
  }
}

void write_all(int fd, const char* data, std::size_t size) {
  while (size != 0) {
    const auto n = ::send(fd, data, size, MSG_NOSIGNAL);
    if (n < 0) {
      throw std::runtime_error("cannot send");
    }
    data += n;
    size -= static_cast<std::size_t>(n);
  }
}

// Starts a program whose descriptors 10, 11, ... are those given.
pid_t spawn(std::vector<std::string> arguments, const std::vector<int>& descriptors) {
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (auto& a : arguments) {
    argv.push_back(a.data());
  }
  argv.push_back(nullptr);
  const pid_t pid = ::fork();
  if (pid != 0) {
    return pid;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::vector<int> moved;
  moved.reserve(descriptors.size());
  for (const int fd : descriptors) {
    moved.push_back(::fcntl(fd, F_DUPFD_CLOEXEC, 100));
  }
  for (std::size_t i = 0; i < moved.size(); ++i) {
    ::dup2(moved[i], child_first + static_cast<int>(i));
  }
  ::execvp(argv[0], argv.data());
  ::_exit(127);
}

std::array<flow::unique_fd, 2> socket_pair(int type) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    throw std::runtime_error("socketpair");
  }
  return {flow::unique_fd(ends[0]), flow::unique_fd(ends[1])};
}

int reap(pid_t& pid) {
  int status = 0;
  ::waitpid(std::exchange(pid, -1), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

virtual_machine::virtual_machine(const std::string& hybrid) {
  const temporary_directory directory;
  initramfs root;
  root.add_directory("dev");
  root.add_directory("modules");
  root.add_file("init", VSOCK_GUEST_PATH);
  for (const auto& entry : fs::directory_iterator(VM_MODULES_PATH)) {
    root.add_file("modules/" + entry.path().filename().string(), entry.path());
  }
  root.write(directory / "initrd");

  auto vhost = socket_pair(SOCK_STREAM);
  auto uplink = socket_pair(SOCK_SEQPACKET);
  auto monitor = socket_pair(SOCK_STREAM);
  if (!hybrid.empty()) {
    auto listener = flow::listen_unix(hybrid + "_1");
    if (!listener) {
      throw std::runtime_error(listener.error().message());
    }
    hybrid_control_ = std::move(*listener);
  }
  start_vsockd(vhost[0].get(), uplink[0].get(), hybrid);
  start_qemu(vhost[1].get(), monitor[1].get(), directory / "initrd");
  uplink_ = std::move(uplink[1]);
  monitor_ = std::move(monitor[0]);
  read_line(monitor_.get());  // its greeting
  this->monitor("qmp_capabilities");
  accept_control();
}

virtual_machine::~virtual_machine() {
  for (pid_t* pid : {&qemu_, &vsockd_}) {
    if (*pid > 0) {
      ::kill(*pid, SIGKILL);
      reap(*pid);
    }
  }
}

void virtual_machine::start_vsockd(int vhost, int uplink, const std::string& hybrid) {
  std::vector<std::string> arguments{VSOCKD_PATH, "--vhost-fd", "10", "--guest-cid", "42"};
  if (hybrid.empty()) {
    arguments.insert(arguments.end(), {"--uplink-fd", "11"});
  } else {
    arguments.insert(arguments.end(), {"--hybrid", hybrid});
  }
  if (sanitized) {
    arguments.emplace_back("--unconfined");
  }
  vsockd_ = spawn(arguments, {vhost, uplink});
}

void virtual_machine::start_qemu(int vhost, int monitor, const std::string& initrd) {
  qemu_ = spawn({"qemu-system-x86_64",
                 "-machine",
                 "q35,accel=tcg",
                 "-cpu",
                 "max",
                 "-m",
                 "256",
                 "-object",
                 "memory-backend-memfd,id=mem,size=256M,share=on",
                 "-numa",
                 "node,memdev=mem",
                 "-bios",
                 "qboot.rom",
                 "-kernel",
                 VM_KERNEL_PATH,
                 "-initrd",
                 initrd,
                 "-append",
                 "console=ttyS0 quiet panic=-1",
                 "-nodefaults",
                 "-no-user-config",
                 "-display",
                 "none",
                 "-serial",
                 "stdio",
                 "-chardev",
                 "socket,id=vs,fd=10",
                 "-device",
                 "vhost-user-vsock-pci,chardev=vs",
                 "-chardev",
                 "socket,id=mon,fd=11",
                 "-mon",
                 "chardev=mon,mode=control"},
                {vhost, monitor});
}

void virtual_machine::accept_control() {
  control_ = accept(1);
}

flow::unique_fd virtual_machine::accept(std::uint32_t port) {
  flow::unique_fd fd;
  if (hybrid_control_) {
    wait_readable(hybrid_control_.get());
    fd = *flow::accept_unix(hybrid_control_.get());
  } else {
    wait_readable(uplink_.get());
    auto got = flow::device::receive_connection(uplink_.get());
    if (!got || got->ports.host_port != port) {
      throw std::runtime_error(got ? "connection to another port" : got.error().message());
    }
    fd = std::move(got->socket);
  }
  set_blocking(fd.get());
  return fd;
}

void virtual_machine::command(const std::string& line) {
  const auto text = line + "\n";
  write_all(control_.get(), text.data(), text.size());
}

std::string virtual_machine::answer() {
  return read_line(control_.get());
}

std::string virtual_machine::expected(const vm_test::checksum& sum) {
  std::array<char, 64> line;
  std::snprintf(line.data(), line.size(), "ok %llu %llx",
                static_cast<unsigned long long>(sum.bytes),
                static_cast<unsigned long long>(sum.value));
  return line.data();
}

void virtual_machine::monitor(const std::string& name) {
  const auto text = "{\"execute\":\"" + name + "\"}\n";
  write_all(monitor_.get(), text.data(), text.size());
  // Events may arrive in between.
  while (read_line(monitor_.get()).find("\"return\"") == std::string::npos) {
  }
}

int virtual_machine::wait_for_vsockd() {
  return reap(vsockd_);
}

void send_pattern(int fd, std::uint64_t bytes, vm_test::checksum& sum) {
  vm_test::pattern source;
  std::array<char, 65536> part;
  while (bytes != 0) {
    const auto n = std::min<std::uint64_t>(bytes, part.size());
    source.fill(part.data(), n);
    sum.add(part.data(), n);
    write_all(fd, part.data(), n);
    bytes -= n;
  }
}

vm_test::checksum read_to_end(int fd) {
  vm_test::checksum sum;
  std::array<char, 65536> part;
  for (;;) {
    wait_readable(fd);
    const auto n = ::recv(fd, part.data(), part.size(), 0);
    if (n <= 0) {
      return sum;
    }
    sum.add(part.data(), static_cast<std::size_t>(n));
  }
}

}  // namespace tests
