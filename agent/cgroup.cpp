#include "agent/cgroup.hpp"

#include <charconv>
#include <filesystem>

#include "flow/file.hpp"

namespace agent {

using flow::result;

namespace {

void append_pids(const std::string& text, std::vector<pid_t>& pids) {
  const char* at = text.data();
  const char* end = at + text.size();
  while (at < end) {
    pid_t pid = 0;
    const auto parsed = std::from_chars(at, end, pid);
    if (parsed.ec == std::errc()) {
      pids.push_back(pid);
    }
    at = parsed.ptr + 1;
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

  std::error_code ec;
  for (std::filesystem::recursive_directory_iterator entry(directory, ec), end; !ec && entry != end;
       entry.increment(ec)) {
    if (entry->path().filename() != "cgroup.procs" || entry.depth() == 0) {
      continue;
    }
    // A child cgroup may vanish while we look.
    if (const auto text = flow::read_file(entry->path()); text) {
      append_pids(text.value(), pids);
    }
  }
  return pids;
}

result<void> cgroup_kill(const std::string& directory) {
  return flow::write_file(directory + "/cgroup.kill", "1");
}

}  // namespace agent
