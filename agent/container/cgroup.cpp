#include "agent/container/cgroup.hpp"

#include <charconv>
#include <csignal>
#include <filesystem>

#include "flow/system/file.hpp"

namespace agent {

using flow::result;

namespace {

void append_pids(const std::string& text, std::vector<pid_t>& pids) {
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    pid_t pid = 0;
    const auto parsed = std::from_chars(at, end, pid);
    // The kernel shows 0 for a process of another pid namespace; kill() takes it for our own group.
    if (parsed.ec == std::errc() && pid > 0) {
      pids.push_back(pid);
    }
    at = parsed.ptr + 1;
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
