#include "tests/e2e/harness/machine_state.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>

#include "flow/system/file.hpp"

namespace e2e {

namespace fs = std::filesystem;

namespace {

constexpr std::array programs{"containerd-shim-", "qemu-system-", "virtiofsd",
                              "hvsock-",          "crun",         "runc"};

// Remains of the first container on a machine: directories of containerd, and the result of the
// probe whether KVM can be used.
constexpr std::array lasting{"/run/containerd/fifo", "/run/containerd/s",
                             "/run/hvsock/acceleration"};

bool is_of_interest(const std::string& program) {
  return std::any_of(programs.begin(), programs.end(),
                     [&](const char* name) { return program.starts_with(name); });
}

void add_tree(const fs::path& root, std::set<std::string>& to) {
  std::error_code ec;
  for (fs::recursive_directory_iterator entry(root, ec), end; !ec && entry != end;
       entry.increment(ec)) {
    if (std::find(lasting.begin(), lasting.end(), entry->path()) != lasting.end()) {
      continue;
    }
    const auto type = entry->symlink_status(ec).type();
    const char* kind = type == fs::file_type::directory ? "directory "
                       : type == fs::file_type::fifo    ? "FIFO "
                       : type == fs::file_type::socket  ? "socket "
                                                        : "file ";
    to.insert(kind + entry->path().string());
  }
}

// Cgroups that could belong to a container: below its namespace, or named after this project.
// Others come and go independently of the tests.
void add_cgroups(std::set<std::string>& to) {
  std::error_code ec;
  for (fs::recursive_directory_iterator entry("/sys/fs/cgroup", ec), end; !ec && entry != end;
       entry.increment(ec)) {
    const auto path = entry->path().string();
    const bool ours =
        path.find("/default/") != std::string::npos || path.find("hvsock") != std::string::npos;
    if (ours && entry->symlink_status(ec).type() == fs::file_type::directory) {
      to.insert("cgroup " + path);
    }
  }
}

void add_mounts(std::set<std::string>& to) {
  const auto table = flow::read_file("/proc/self/mounts");
  if (!table) {
    return;
  }
  std::string_view rest = table.value();
  while (!rest.empty()) {
    const auto line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    to.insert("mount " + std::string(line));
  }
}

// Every shim inherits the address from containerd's environment, and passes its environment on.
bool started_by(const fs::path& process, const std::string& containerd_directory) {
  const auto environment = flow::read_file(process / "environ");
  return environment && environment.value().find(containerd_directory) != std::string::npos;
}

template <class Visit>
void for_each_process(const std::string& containerd_directory, Visit visit) {
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator("/proc", ec)) {
    const auto name = entry.path().filename().string();
    if (!std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c); })) {
      continue;
    }
    auto program = fs::read_symlink(entry.path() / "exe", ec).filename().string();
    if (is_of_interest(program) && started_by(entry.path(), containerd_directory)) {
      visit(program, std::stoi(name));
    }
  }
}

}  // namespace

std::set<std::string> shim_processes(const std::string& containerd_directory) {
  std::set<std::string> found;
  for_each_process(containerd_directory, [&](const std::string& program, int pid) {
    found.insert(program + " " + std::to_string(pid));
  });
  return found;
}

std::set<int> pids_of(const std::string& wanted, const std::string& containerd_directory) {
  std::set<int> found;
  for_each_process(containerd_directory, [&](const std::string& program, int pid) {
    if (program == wanted) {
      found.insert(pid);
    }
  });
  return found;
}

std::set<std::string> machine_state(const std::string& containerd_directory) {
  std::set<std::string> state;
  for (const auto& process : shim_processes(containerd_directory)) {
    state.insert("process " + process);
  }
  add_mounts(state);
  add_cgroups(state);
  for (const char* root : {"/run/hvsock", "/run/containerd"}) {
    add_tree(root, state);
  }
  // The directory of a namespace belongs to containerd; it stays.
  add_tree(containerd_directory + "/state/io.containerd.runtime.v2.task/default", state);
  return state;
}

}  // namespace e2e
