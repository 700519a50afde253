// The namespaces that the containers of a pod share.
//
// containerd names them by files of the host: /proc/PID/ns/ipc with the pid of the pod's first
// container or of the sandbox, and for the network often a file below /var/run/netns. In the guest,
// such a file stands for the namespace of the same process. The sandbox has no process in the
// guest, so its files stand for the namespaces of the guest itself: the machine is the pod. The
// guest has one network, so every network stands for that one.
#include "flow/system/number.hpp"
#include "flow/system/split.hpp"
#include "shim/task/service.hpp"

namespace shim {
namespace {

// The names of the types in the specification, and in /proc.
struct shared_namespace {
  std::string_view type;
  std::string_view file;
};
constexpr shared_namespace shared_namespaces[] = {
    {"network", "net"}, {"ipc", "ipc"}, {"uts", "uts"}, {"pid", "pid"}};

// The PID of /proc/PID/ns/`file`; 0 for any other path.
pid_t owner_in(const std::filesystem::path& path, std::string_view file) {
  const std::string text = path.lexically_normal().string();
  constexpr std::string_view before = "/proc/";
  if (!text.starts_with(before)) {
    return 0;
  }
  auto rest = std::string_view(text).substr(before.size());
  const auto pid = flow::parse_number<pid_t>(flow::split_front(rest, '/'), 1);
  return pid && rest == "ns/" + std::string(file) ? *pid : 0;
}

std::string file_in_guest(pid_t pid, std::string_view file) {
  return "/proc/" + std::to_string(pid) + "/ns/" + std::string(file);
}

}  // namespace

std::string task_service::namespace_in_guest(const std::string& type,
                                             const std::filesystem::path& path) const {
  constexpr pid_t guest_itself = 1;
  for (const auto& shared : shared_namespaces) {
    if (shared.type != type) {
      continue;
    }
    if (type == "network") {
      return file_in_guest(guest_itself, shared.file);
    }
    const pid_t owner = owner_in(path, shared.file);
    if (owner == 0) {
      return {};
    }
    if (owner == sandbox_pid_) {
      return file_in_guest(guest_itself, shared.file);
    }
    for (const auto& [id, c] : containers_) {
      if (c->init()->pid == owner && c->init()->guest_pid > 0) {
        return file_in_guest(c->init()->guest_pid, shared.file);
      }
    }
  }
  return {};
}

}  // namespace shim
