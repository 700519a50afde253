#include "agent/container/cgroup.hpp"

#include <csignal>
#include <filesystem>
#include <string_view>

#include "flow/system/file.hpp"
#include "flow/system/number.hpp"
#include "flow/system/split.hpp"

namespace agent {

using flow::result;

namespace {

void append_pids(std::string_view text, std::vector<pid_t>& pids) {
  while (!text.empty()) {
    // The kernel shows 0 for a process of another pid namespace; kill() takes it for our own group.
    if (const auto pid = flow::parse_number<pid_t>(flow::split_front(text, '\n'), 1)) {
      pids.push_back(*pid);
    }
  }
}

// A cgroup may vanish while they are read; that must not hide the others.
void append_below(const std::string& directory, std::vector<pid_t>& pids) {
  std::error_code ec;
  for (std::filesystem::directory_iterator entry(directory, ec), end; !ec && entry != end;
       entry.increment(ec)) {
    std::error_code vanished;
    if (!entry->is_directory(vanished)) {
      continue;
    }
    if (const auto text = flow::read_file(entry->path() / "cgroup.procs"); text) {
      append_pids(text.value(), pids);
    }
    append_below(entry->path(), pids);
  }
}

}  // namespace

result<std::vector<pid_t>> cgroup_processes(const std::string& directory) {
  std::vector<pid_t> pids;
  auto own = flow::read_file(directory + "/cgroup.procs");
  if (!own) {
    return std::move(own).error();
  }
  append_pids(own.value(), pids);

  append_below(directory, pids);
  return pids;
}

result<void> cgroup_signal(const std::string& directory, int signal) {
  if (signal == SIGKILL) {
    return flow::write_file(directory + "/cgroup.kill", "1");
  }
  const auto pids = cgroup_processes(directory);
  if (!pids) {
    return pids.error();
  }
  for (const pid_t pid : *pids) {
    ::kill(pid, signal);
  }
  return {};
}

}  // namespace agent
