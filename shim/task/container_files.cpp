#include "shim/task/container_files.hpp"

#include <utility>

#include "runtime_api/guest/contract.hpp"
#include "shim/rootfs/guest_disk.hpp"

namespace shim {

using flow::awaitable;
using flow::error;
using flow::result;
using std::filesystem::path;

container_files::container_files(std::string id, path bundle, std::uint32_t number, sandbox& in,
                                 flow::log& log)
    : id_(std::move(id)),
      bundle_(std::move(bundle)),
      name_(guest_contract::container_name(number)),
      sandbox_(in),
      log_(log) {}

result<std::string> container_files::prepare(const std::vector<mount_description>& rootfs,
                                             const spec& s, const spec::host_objects& named,
                                             std::vector<std::string> namespaces) {
  spec::guest_names names;
  names.cgroup = std::string(guest_contract::containers_cgroup) + "/" + name_;
  names.namespaces = std::move(namespaces);
  auto root = mount_root(rootfs, s);
  if (!root) {
    unmount();
    return std::move(root).error().in("rootfs");
  }
  names.root = std::move(root.value());
  if (auto given = share_and_plan(named, names); !given) {
    unmount();
    return std::move(given).error().in("mounts");
  }
  auto text = s.for_guest(names);
  if (!text) {
    unmount();
    return text;
  }
  if (auto opened = open_disks(); !opened) {
    unmount();
    return std::move(opened).error();
  }
  return text;
}

// Returns the path of the root file system in the guest.
result<std::string> container_files::mount_root(const std::vector<mount_description>& rootfs,
                                                const spec& s) {
  if (for_guest_to_mount(rootfs)) {
    return plan_in_guest(rootfs);
  }
  for (const auto& m : rootfs) {
    if (auto done = mount_on(m, bundle_ / "rootfs" / path(m.target).relative_path()); !done) {
      return std::move(done).error();
    }
  }
  return share_path(s.root(bundle_));
}

result<void> container_files::share_and_plan(const spec::host_objects& named,
                                             spec::guest_names& names) {
  for (const auto& source : named.bind_sources) {
    auto shared = share_path(bundle_ / source);
    if (!shared) {
      return std::move(shared).error();
    }
    names.bind_sources.push_back(std::move(shared.value()));
  }
  for (const auto& disk : named.disks) {
    auto planned = plan_in_guest({disk});
    if (!planned) {
      return std::move(planned).error();
    }
    names.disks.push_back(std::move(planned.value()));
  }
  return {};
}

// Returns the path in the guest at which the last of `mounts` will be.
result<std::string> container_files::plan_in_guest(const std::vector<mount_description>& mounts) {
  auto planned = plan_guest_mounts(
      guest_mounts_, mounts, std::string(guest_contract::container_directory) + "/" + name_, name_,
      [this](const std::string& source) { return share_path(source); });
  if (!planned) {
    return std::move(planned).error();
  }
  return guest_mounts_.root;
}

result<void> container_files::open_disks() {
  for (const auto& source : guest_mounts_.disks) {
    auto opened = open_disk(source);
    if (!opened) {
      return std::move(opened).error();
    }
    disks_.push_back(std::move(opened.value()));
  }
  return {};
}

result<std::string> container_files::share_path(const path& source) {
  auto entry = sandbox_.files().add(source);
  if (!entry) {
    return entry;
  }
  // A container that uses the same source twice holds it once.
  if (!shared_.emplace(entry.value(), source).second) {
    static_cast<void>(sandbox_.files().release(entry.value()));
  }
  return std::string(guest_contract::share_directory) + "/" + entry.value();
}

awaitable<result<void>> container_files::attach_disks() {
  for (auto& d : std::exchange(disks_, {})) {
    const auto attached = co_await sandbox_.vm().attach(std::move(d));
    if (!attached) {
      co_return attached;
    }
  }
  co_return result<void>();
}

void container_files::add_to(hvsock::agent::v1::CreateContainerRequest& request) const {
  for (const auto& m : guest_mounts_.mounts) {
    *request.add_mounts() = m;
  }
  for (const auto& [entry, source] : shared_) {
    request.add_shares(entry);
  }
}

error container_files::with_host_paths(const error& e) const {
  std::string text = e.context();
  for (const auto& [entry, source] : shared_) {
    const std::string there = std::string(guest_contract::share_directory) + "/" + entry;
    for (auto at = text.find(there); at != std::string::npos; at = text.find(there, at)) {
      const auto end = at + there.size();
      if (end < text.size() && text[end] >= '0' && text[end] <= '9') {
        at = end;  // another entry, whose number begins with this one's
        continue;
      }
      text.replace(at, there.size(), source.string());
      at += source.string().size();
    }
  }
  return {e.code(), text};
}

awaitable<void> container_files::remove() {
  co_await detach_disks();
  unmount();
}

awaitable<void> container_files::detach_disks() {
  disks_.clear();
  for (const auto& source : std::exchange(guest_mounts_, {}).disks) {
    if (sandbox_.lost()) {
      continue;  // the machine has ended, and they with it
    }
    const auto detached = co_await sandbox_.vm().detach(source.serial);
    if (!detached) {
      log_.warning("cannot unplug disk", {{"id", id_}, {"err", detached.error().message()}});
    }
  }
}

void container_files::unmount() {
  for (const auto& [entry, source] : std::exchange(shared_, {})) {
    if (const auto released = sandbox_.files().release(entry); !released) {
      log_.error("cannot unshare file system",
                 {{"id", id_}, {"path", source.string()}, {"err", released.error().message()}});
    }
  }
  unmount_below(bundle_ / "rootfs");
}

}  // namespace shim
