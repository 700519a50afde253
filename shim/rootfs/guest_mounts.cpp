#include "shim/rootfs/guest_mounts.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "flow/system/number.hpp"
#include "shim/rootfs/mount_template.hpp"

namespace shim {

using flow::errc;
using flow::error;
using flow::result;
using hvsock::agent::v1::Mount;

namespace {

constexpr std::array disk_file_systems{"erofs", "ext2", "ext3", "ext4"};

error invalid(std::string why) {
  return {errc::invalid_argument, "mount: " + std::move(why)};
}

// A type with the preparations that its prefixes ask for, "format/mkdir/overlay".
struct mount_type {
  std::string name;
  bool format = false;
  bool mkdir = false;
};

result<mount_type> parse_type(const std::string& text) {
  mount_type parsed;
  parsed.name = text;
  for (;;) {
    const auto slash = parsed.name.find('/');
    if (slash == std::string::npos) {
      return parsed;
    }
    const auto prefix = parsed.name.substr(0, slash);
    if (prefix == "format") {
      parsed.format = true;
    } else if (prefix == "mkdir") {
      parsed.mkdir = true;
    } else {
      return invalid("type " + text +
                     " is not supported: only containerd's mount manager handles " + prefix + "/");
    }
    parsed.name.erase(0, slash + 1);
  }
}

// "/path", "/path:0755" or "/path:0755:0:0".
result<void> add_directory(std::string_view text, Mount& to) {
  std::vector<std::string_view> parts;
  while (parts.size() < 5) {
    const auto end = text.find(':');
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) {
      break;
    }
    text.remove_prefix(end + 1);
  }
  const bool complete = parts.size() == 1 || parts.size() == 2 || parts.size() == 4;
  std::optional<std::uint32_t> mode = 0700;
  std::optional<std::uint32_t> uid = 0;
  std::optional<std::uint32_t> gid = 0;
  if (parts.size() >= 2) {
    mode = flow::parse_number<std::uint32_t>(parts[1], 0, 0777, 8);
  }
  if (parts.size() == 4) {
    uid = flow::parse_number<std::uint32_t>(parts[2]);
    gid = flow::parse_number<std::uint32_t>(parts[3]);
  }
  if (!complete || !parts[0].starts_with('/') || !mode || !uid || !gid) {
    return invalid("X-containerd.mkdir.path needs PATH[:MODE[:UID:GID]]");
  }
  auto& directory = *to.add_directories();
  directory.set_path(std::string(parts[0]));
  directory.set_mode(*mode);
  directory.set_uid(*uid);
  directory.set_gid(*gid);
  return {};
}

class planner {
 public:
  planner(guest_mounts& plan, const std::string& directory, const std::string& name,
          const std::function<result<std::string>(const std::string&)>& share)
      : plan_(plan), directory_(directory), name_(name), share_(share) {}

  result<void> add(const mount_description& m) {
    if (!m.target.empty()) {
      return invalid("a target (" + m.target + ") is not supported");
    }
    auto type = parse_type(m.type);
    if (!type) {
      return std::move(type).error();
    }
    const auto number = std::to_string(plan_.mounts.size());
    Mount mount;
    mount.set_type(type.value().name);
    mount.set_target(directory_ + "/m" + number);
    auto source = expand(m.source, type.value());
    if (!source) {
      return std::move(source).error();
    }
    if (auto done = add_options(m, type.value(), mount); !done) {
      return done;
    }
    if (auto done = set_source(source.value(), name_ + "-m" + number, mount); !done) {
      return done;
    }
    made_.push_back({mount.target(), mount.source()});
    plan_.root = mount.target();
    plan_.mounts.push_back(std::move(mount));
    return {};
  }

 private:
  bool in_guest(std::string_view path) const { return path.starts_with(directory_ + "/"); }

  result<std::string> expand(const std::string& text, const mount_type& type) const {
    return type.format ? expand_mount_template(text, made_) : result<std::string>(text);
  }

  result<void> add_options(const mount_description& m, const mount_type& type, Mount& to) {
    constexpr std::string_view mkdir = "X-containerd.mkdir.path=";
    for (const auto& written : m.options) {
      auto option = expand(written, type);
      if (!option) {
        return std::move(option).error();
      }
      if (type.mkdir && option.value().starts_with(mkdir)) {
        if (auto added = add_directory(option.value().substr(mkdir.size()), to); !added) {
          return added;
        }
      } else if (option.value().starts_with("X-containerd.") ||
                 (type.name == "erofs" && option.value().starts_with("device="))) {
        return invalid("option " + option.value() + " is not supported");
      } else if (option.value() != "loop") {
        auto rewritten = rewrite_layers(option.value());
        if (!rewritten) {
          return std::move(rewritten).error();
        }
        to.add_options(std::move(rewritten.value()));
      }
    }
    return {};
  }

  // Layers that are directories on the host are shared with the guest.
  result<std::string> rewrite_layers(const std::string& option) {
    for (const char* writable : {"upperdir=", "workdir="}) {
      if (option.starts_with(writable) && !in_guest(option.substr(option.find('=') + 1))) {
        return invalid(option + " must be on a disk: overlayfs does not accept virtiofs there");
      }
    }
    constexpr std::string_view lowerdir = "lowerdir=";
    if (!option.starts_with(lowerdir)) {
      return option;
    }
    std::string layers(lowerdir);
    for (std::string_view rest = std::string_view(option).substr(lowerdir.size());;) {
      const auto end = rest.find(':');
      const std::string layer(rest.substr(0, end));
      auto there = in_guest(layer) ? result<std::string>(layer) : share_(layer);
      if (!there) {
        return std::move(there).error();
      }
      layers += there.value();
      if (end == std::string_view::npos) {
        return layers;
      }
      layers += ':';
      rest.remove_prefix(end + 1);
    }
  }

  result<void> set_source(const std::string& source, const std::string& serial, Mount& to) {
    if (is_disk_file_system(to.type())) {
      auto& options = *to.mutable_options();
      const bool ro = std::find(options.begin(), options.end(), "ro") != options.end();
      const bool read_only = ro || to.type() == "erofs";
      if (!ro && read_only) {
        to.add_options("ro");
      }
      to.set_disk(serial);
      plan_.disks.push_back({serial, source, read_only});
      return {};
    }
    if (to.type() == "overlay") {
      to.set_source("overlay");
      return {};
    }
    if (to.type() != "bind") {
      return invalid("type " + to.type() + " is not supported on a disk");
    }
    auto there = in_guest(source) ? result<std::string>(source) : share_(source);
    if (!there) {
      return std::move(there).error();
    }
    to.set_source(there.value());
    return {};
  }

  guest_mounts& plan_;
  const std::string& directory_;
  const std::string& name_;
  const std::function<result<std::string>(const std::string&)>& share_;
  std::vector<made_mount> made_;
};

}  // namespace

bool is_disk_file_system(const std::string& type) {
  return std::find(disk_file_systems.begin(), disk_file_systems.end(), type) !=
         disk_file_systems.end();
}

bool for_guest_to_mount(const std::vector<mount_description>& rootfs) {
  return std::any_of(rootfs.begin(), rootfs.end(), [](const mount_description& m) {
    return is_disk_file_system(m.type) || m.type.find('/') != std::string::npos;
  });
}

result<void> plan_guest_mounts(
    guest_mounts& plan, const std::vector<mount_description>& mounts, const std::string& directory,
    const std::string& name, const std::function<result<std::string>(const std::string&)>& share) {
  planner p(plan, directory, name, share);
  for (const auto& m : mounts) {
    if (auto added = p.add(m); !added) {
      return added;
    }
  }
  return {};
}

}  // namespace shim
