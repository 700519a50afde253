// Pid 1 of the test's virtual machine: loads the vsock modules, connects to the host's port 1 and
// executes the commands it reads there, one per line, with one answer per command.
//
//   send PORT BYTES     connect, send that many bytes, shut down sending, read to the end
//   drop PORT BYTES     connect, send that many bytes, close at once
//   recv PORT           connect, read to the end
//   echo PORT           connect, send back what is read, until the end
//   many PORT COUNT     that many connections, each sends its number and reads it back
//   deaf PORT BYTES     connect, wait for input, send that many bytes, close without reading
//   listen PORT         accept one connection there, send back what is read, until the end
//   hold PORT           connect and leave it open
//   release             close the connections opened by hold
//   reboot, poweroff
//
// Answers: "ok BYTES CHECKSUM" of what was read, or of what was sent if nothing was; "errno N".
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "tests/vm/vm_pattern.hpp"

namespace {

constexpr unsigned control_port = 1;

std::array<char, 65536> buffer;

void load_module(const char* name) {
  const std::string path = std::string("/modules/") + name + ".ko";
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd >= 0) {
    if (::syscall(SYS_finit_module, fd, "", 0) != 0) {
      std::printf("module %s: %s\n", name, std::strerror(errno));
    }
    ::close(fd);
  }
}

int vsock() {
  return ::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

sockaddr_vm address_of(unsigned cid, unsigned port) {
  sockaddr_vm a{};
  a.svm_family = AF_VSOCK;
  a.svm_cid = cid;
  a.svm_port = port;
  return a;
}

int dial(unsigned port) {
  const int s = vsock();
  const auto a = address_of(VMADDR_CID_HOST, port);
  if (::connect(s, reinterpret_cast<const sockaddr*>(&a), sizeof a) != 0) {
    const int e = errno;
    ::close(s);
    errno = e;
    return -1;
  }
  return s;
}

struct outcome {
  bool failed = false;
  int error = 0;
  vm_test::checksum sum;
};

outcome failure() {
  return {true, errno, {}};
}

bool send_all(int s, const char* data, std::size_t size) {
  while (size != 0) {
    const auto n = ::send(s, data, size, MSG_NOSIGNAL);
    if (n < 0) {
      return false;
    }
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

bool send_pattern(int s, std::uint64_t bytes, vm_test::checksum& sum) {
  vm_test::pattern source;
  while (bytes != 0) {
    const auto n = bytes < buffer.size() ? bytes : buffer.size();
    source.fill(buffer.data(), n);
    sum.add(buffer.data(), n);
    if (!send_all(s, buffer.data(), n)) {
      return false;
    }
    bytes -= n;
  }
  return true;
}

// Reads to the end; sends everything back if `echo`.
bool read_all(int s, vm_test::checksum& sum, bool echo) {
  for (;;) {
    const auto n = ::recv(s, buffer.data(), buffer.size(), 0);
    if (n <= 0) {
      return n == 0;
    }
    sum.add(buffer.data(), static_cast<std::size_t>(n));
    if (echo && !send_all(s, buffer.data(), static_cast<std::size_t>(n))) {
      return false;
    }
  }
}

outcome do_send(unsigned port, std::uint64_t bytes) {
  const int s = dial(port);
  outcome o;
  vm_test::checksum back;
  if (s < 0 || !send_pattern(s, bytes, o.sum) || ::shutdown(s, SHUT_WR) != 0 ||
      !read_all(s, back, false)) {
    o = failure();
  } else if (back.bytes != 0) {
    o.sum = back;
  }
  ::close(s);
  return o;
}

outcome do_drop(unsigned port, std::uint64_t bytes) {
  const int s = dial(port);
  outcome o;
  if (s < 0 || !send_pattern(s, bytes, o.sum)) {
    o = failure();
  }
  ::close(s);
  return o;
}

outcome do_receive(unsigned port, bool echo) {
  const int s = dial(port);
  outcome o;
  if (s < 0 || !read_all(s, o.sum, echo)) {
    o = failure();
  }
  ::close(s);
  return o;
}

outcome do_many(unsigned port, std::uint64_t count) {
  std::vector<int> sockets;
  outcome o;
  for (std::uint32_t i = 0; i < count; ++i) {
    const int s = dial(port);
    if (s < 0 || !send_all(s, reinterpret_cast<const char*>(&i), sizeof i)) {
      o = failure();
    }
    sockets.push_back(s);
  }
  for (std::uint32_t i = 0; i < count && !o.failed; ++i) {
    std::uint32_t back = 0;
    if (::recv(sockets[i], &back, sizeof back, MSG_WAITALL) != sizeof back || back != i) {
      o = failure();
    }
    o.sum.add(reinterpret_cast<const char*>(&back), sizeof back);
  }
  for (const int s : sockets) {
    ::close(s);
  }
  return o;
}

outcome do_deaf(unsigned port, std::uint64_t bytes) {
  const int s = dial(port);
  outcome o;
  pollfd readable{s, POLLIN, 0};
  if (s < 0 || ::poll(&readable, 1, -1) != 1 || !send_pattern(s, bytes, o.sum)) {
    o = failure();
  }
  ::close(s);
  return o;
}

outcome do_listen(unsigned port) {
  const int listener = vsock();
  const auto a = address_of(VMADDR_CID_ANY, port);
  outcome o;
  const bool listens = ::bind(listener, reinterpret_cast<const sockaddr*>(&a), sizeof a) == 0 &&
                       ::listen(listener, 1) == 0;
  const int s = listens ? ::accept(listener, nullptr, nullptr) : -1;
  if (s < 0 || !read_all(s, o.sum, true)) {
    o = failure();
  }
  ::close(s);
  ::close(listener);
  return o;
}

std::vector<int> held;

outcome do_hold(unsigned port) {
  const int s = dial(port);
  if (s < 0) {
    return failure();
  }
  held.push_back(s);
  return {};
}

outcome do_release() {
  for (const int s : held) {
    ::close(s);
  }
  held.clear();
  return {};
}

outcome run(const std::string& verb, unsigned port, std::uint64_t number) {
  if (verb == "send") return do_send(port, number);
  if (verb == "drop") return do_drop(port, number);
  if (verb == "recv") return do_receive(port, false);
  if (verb == "echo") return do_receive(port, true);
  if (verb == "many") return do_many(port, number);
  if (verb == "deaf") return do_deaf(port, number);
  if (verb == "listen") return do_listen(port);
  if (verb == "hold") return do_hold(port);
  if (verb == "release") return do_release();
  ::reboot(verb == "reboot" ? RB_AUTOBOOT : RB_POWER_OFF);
  return failure();
}

}  // namespace

int main() {
  ::mount("devtmpfs", "/dev", "devtmpfs", 0, nullptr);
  const int console = ::open("/dev/console", O_RDWR);
  ::dup2(console, STDOUT_FILENO);
  const rlimit many{4096, 4096};
  ::setrlimit(RLIMIT_NOFILE, &many);
  for (const char* name :
       {"virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci",
        "vsock", "vmw_vsock_virtio_transport_common", "vmw_vsock_virtio_transport"}) {
    load_module(name);
  }
  const int control = dial(control_port);
  FILE* commands = control < 0 ? nullptr : ::fdopen(::dup(control), "r");
  if (commands == nullptr) {
    std::printf("control connection: %s\n", std::strerror(errno));
    ::reboot(RB_POWER_OFF);
  }
  std::array<char, 256> line;
  while (std::fgets(line.data(), line.size(), commands) != nullptr) {
    std::array<char, 32> verb{};
    unsigned port = 0;
    unsigned long long number = 0;
    if (std::sscanf(line.data(), "%31s %u %llu", verb.data(), &port, &number) < 1) {
      continue;
    }
    const auto o = run(verb.data(), port, number);
    const int n = o.failed ? std::snprintf(line.data(), line.size(), "errno %d\n", o.error)
                           : std::snprintf(line.data(), line.size(), "ok %llu %llx\n",
                                           static_cast<unsigned long long>(o.sum.bytes),
                                           static_cast<unsigned long long>(o.sum.value));
    send_all(control, line.data(), static_cast<std::size_t>(n));
  }
  ::reboot(RB_POWER_OFF);
}
