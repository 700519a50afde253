#include "shim/rootfs/mount.hpp"

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <string_view>

#include "flow/system/file.hpp"
#include "flow/system/split.hpp"
#include "flow/unique_fd.hpp"
#include "runtime_api/guest/mount_options.hpp"

namespace shim {

using flow::result;
using flow::system_error;
using std::filesystem::path;

namespace {

constexpr std::string_view lowerdir = "lowerdir=";

// Shortens "lowerdir=/a/x/fs:/a/y/fs" to names relative to /a, and returns that directory; empty if
// there is no common one.
std::string make_layers_relative(std::string& data) {
  const auto begin = data.find(lowerdir);
  if (begin == std::string::npos) {
    return {};
  }
  const auto value = begin + lowerdir.size();
  const auto end = std::min(data.find(',', value), data.size());
  const std::string layers = data.substr(value, end - value);

  std::string common = layers.substr(0, layers.find(':'));
  std::vector<std::string> names;
  for (std::size_t at = 0; at <= layers.size();) {
    const auto next = std::min(layers.find(':', at), layers.size());
    names.push_back(layers.substr(at, next - at));
    const auto differ =
        std::mismatch(common.begin(), common.end(), names.back().begin(), names.back().end());
    common.erase(differ.first, common.end());
    at = next + 1;
  }
  common.erase(std::min(common.rfind('/'), common.size()));
  if (common.empty()) {
    return {};
  }

  std::string shortened;
  for (const auto& name : names) {
    if (!shortened.empty()) {
      shortened += ':';
    }
    shortened += name.substr(common.size() + 1);
  }
  data.replace(value, end - value, shortened);
  return common;
}

// Restores the previous working directory on destruction.
class working_directory {
 public:
  explicit working_directory(const std::string& directory)
      : before_(::open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    changed_ = before_ && ::chdir(directory.c_str()) == 0;
  }
  working_directory(const working_directory&) = delete;
  working_directory& operator=(const working_directory&) = delete;
  ~working_directory() {
    if (changed_) {
      static_cast<void>(::fchdir(before_.get()) == 0);
    }
  }

 private:
  flow::unique_fd before_;
  bool changed_ = false;
};

// Decodes "\040" and the like, as the kernel escapes blanks in mountinfo.
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                               (text[i + 3] - '0'));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

struct found_mount {
  std::string point;
  std::string below;  // relative to the requested directory; empty: the directory itself
  std::string what;   // device and directory of the file system
};

// Mounts at `directory` and below, in the order they were made.
std::vector<found_mount> find_mounts(const path& directory) {
  std::vector<found_mount> found;
  // Uses the kernel's name if there are links on the way. The last component itself is not
  // examined, because the mount may be stale.
  std::error_code ec;
  const path parent = std::filesystem::canonical(directory.parent_path(), ec);
  if (ec) {
    return found;
  }
  const auto table = flow::read_file("/proc/self/mountinfo");
  if (!table) {
    return found;
  }
  const std::string exactly = (parent / directory.filename()).string();
  const std::string inside = exactly + "/";
  std::string_view rest = table.value();
  while (!rest.empty()) {
    // id, parent, device, root, mount point
    auto line = flow::split_front(rest, '\n');
    flow::split_front(line, ' ');
    flow::split_front(line, ' ');
    const auto device = flow::split_front(line, ' ');
    const auto root = flow::split_front(line, ' ');
    auto point = unescape(flow::split_front(line, ' '));
    if (point == exactly || point.starts_with(inside)) {
      auto below = point.substr(exactly.size());
      found.push_back(
          {std::move(point), std::move(below), std::string(device).append(" ").append(root)});
    }
  }
  return found;
}

}  // namespace

result<void> mount_on(const mount_description& m, const path& target) {
  auto arguments = flow::parse_mount_options(m.options);
  std::string common = ".";
  if (arguments.data.size() >= flow::max_mount_data && m.type == "overlay") {
    common = make_layers_relative(arguments.data);
  }
  if (arguments.data.size() >= flow::max_mount_data || common.empty()) {
    return flow::error(flow::errc::invalid_argument,
                       "mount " + target.string() + ": options are too long for the kernel");
  }
  const working_directory elsewhere(common);
  const unsigned long flags = arguments.flags;
  if (::mount(m.source.c_str(), target.c_str(), m.type.c_str(), flags, arguments.data.c_str()) !=
      0) {
    return system_error("mount " + m.type + " " + m.source + " on " + target.string());
  }
  // A bind mount ignores the other flags on the first mount(2).
  constexpr unsigned long independent = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if ((flags & MS_BIND) != 0 && (flags & independent) != 0 &&
      ::mount("", target.c_str(), "", MS_REMOUNT | (flags & ~static_cast<unsigned long>(MS_REC)),
              "") != 0) {
    auto failure = system_error("remount " + target.string());
    ::umount2(target.c_str(), MNT_DETACH);
    return failure;
  }
  return {};
}

result<void> bind_mount(const path& source, const path& target) {
  if (::mount(source.c_str(), target.c_str(), "", MS_BIND | MS_REC, "") != 0) {
    return system_error("bind " + source.string() + " to " + target.string());
  }
  return {};
}

std::vector<std::string> mount_points_below(const path& directory) {
  std::vector<std::string> found;
  for (auto& m : find_mounts(directory)) {
    found.push_back(std::move(m.point));
  }
  return found;
}

std::map<std::string, std::string> mounted_below(const path& directory) {
  std::map<std::string, std::string> found;
  for (auto& m : find_mounts(directory)) {
    if (!m.below.empty()) {
      found[m.below] = std::move(m.what);
    }
  }
  return found;
}

void unmount_below(const path& directory) {
  const auto points = mount_points_below(directory);
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    ::umount2(point->c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
  }
}

}  // namespace shim
