#include "shim/bootstrap/cgroup.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <vector>

#include "flow/system/file.hpp"
#include "flow/system/split.hpp"

namespace shim {

using flow::errc;
using flow::error;
using flow::result;
using std::filesystem::path;

namespace {

// Lines have the form "source directory type options 0 0".
std::vector<path> hierarchies(std::string_view mounts) {
  std::vector<path> found;
  while (!mounts.empty()) {
    auto line = flow::split_front(mounts, '\n');
    flow::split_front(line, ' ');
    const auto directory = flow::split_front(line, ' ');
    const auto type = flow::split_front(line, ' ');
    if (type == "cgroup" || type == "cgroup2") {
      found.emplace_back(directory);
    }
  }
  return found;
}

}  // namespace

result<void> join_cgroup(const std::string& cgroup, const std::string& mounts) {
  const path relative = path(cgroup).relative_path().lexically_normal();
  if (relative.empty() || *relative.begin() == "..") {
    return error(errc::invalid_argument, "runtime options: not a cgroup: " + cgroup);
  }
  const auto table = flow::read_file(mounts);
  if (!table) {
    return table.error();
  }
  bool joined = false;
  for (const auto& root : hierarchies(table.value())) {
    const path members = root / relative / "cgroup.procs";
    std::error_code ec;
    if (!std::filesystem::exists(members, ec)) {
      continue;
    }
    // Writing 0 moves the writing process.
    if (auto written = flow::write_file(members, "0"); !written) {
      return std::move(written).error().in("join cgroup");
    }
    joined = true;
  }
  if (!joined) {
    return error(errc::invalid_argument,
                 "runtime options: shim_cgroup must exist before the shim is started: " + cgroup);
  }
  return {};
}

}  // namespace shim
