#include "shim/task/container.hpp"

#include <algorithm>
#include <csignal>
#include <utility>

#include "flow/system/log_failures.hpp"
#include "runtime_api/guest/contract.hpp"
#include "shim/config/limits.hpp"
#include "shim/rootfs/guest_disk.hpp"
#include "shim/support/timestamp.hpp"

namespace shim {

using flow::awaitable;
using flow::error;
using flow::result;
using std::filesystem::path;

container::container(const flow::asio::any_io_executor& executor, std::string id, path bundle,
                     sandbox& in, stopped_handler on_stopped, flow::log& log)
    : executor_(executor),
      id_(std::move(id)),
      bundle_(std::move(bundle)),
      sandbox_(in),
      on_stopped_(std::move(on_stopped)),
      log_(log),
      number_(in.next_number()),
      init_(std::make_shared<process>(executor)),
      exec_changed_(executor),
      tasks_(executor, flow::log_failures(log, "container " + id_)) {
  init_->number = in.next_number();
}

// --- file systems ------------------------------------------------------------------------------

result<std::string> container::prepare(const std::vector<mount_description>& rootfs, const spec& s,
                                       const spec::namespace_function& in_guest) {
  auto root = prepare_root(rootfs, s);
  if (!root) {
    unmount();
    return std::move(root).error().in("rootfs");
  }
  auto text = s.for_guest(
      root.value(),
      std::string(guest_contract::containers_cgroup) + "/" +
          guest_contract::container_name(number_),
      [this](const path& source) { return share_path(bundle_ / source); },
      [this](const mount_description& m) { return mount_in_guest({m}); }, in_guest);
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

result<std::string> container::prepare_root(const std::vector<mount_description>& rootfs,
                                            const spec& s) {
  if (!for_guest_to_mount(rootfs)) {
    for (const auto& m : rootfs) {
      if (auto done = mount_on(m, bundle_ / "rootfs" / path(m.target).relative_path()); !done) {
        return std::move(done).error();
      }
    }
    return share_path(s.root(bundle_));
  }
  return mount_in_guest(rootfs);
}

// Where the last of `mounts` will be.
result<std::string> container::mount_in_guest(const std::vector<mount_description>& mounts) {
  const auto name = guest_contract::container_name(number_);
  auto planned = plan_guest_mounts(
      guest_mounts_, mounts, std::string(guest_contract::container_directory) + "/" + name, name,
      [this](const std::string& source) { return share_path(source); });
  if (!planned) {
    return std::move(planned).error();
  }
  return guest_mounts_.root;
}

result<void> container::open_disks() {
  for (const auto& source : guest_mounts_.disks) {
    auto opened = open_disk(source);
    if (!opened) {
      return std::move(opened).error();
    }
    disks_.push_back(std::move(opened.value()));
  }
  return {};
}

awaitable<result<void>> container::attach_disks() {
  for (auto& d : std::exchange(disks_, {})) {
    const auto attached = co_await sandbox_.vm().attach(std::move(d));
    if (!attached) {
      co_return attached;
    }
  }
  co_return result<void>();
}

awaitable<void> container::detach_disks() {
  disks_.clear();
  for (const auto& source : std::exchange(guest_mounts_, {}).disks) {
    const auto detached = co_await sandbox_.vm().detach(source.serial);
    if (!detached) {
      log_.warning("disk is not unplugged", {{"id", id_}, {"err", detached.error().message()}});
    }
  }
}

void container::add_file_systems(hvsock::agent::v1::CreateContainerRequest& to) const {
  for (const auto& m : guest_mounts_.mounts) {
    *to.add_mounts() = m;
  }
  for (const auto& [entry, source] : shared_) {
    to.add_shares(entry);
  }
}

error container::in_terms_of_the_host(const error& e) const {
  std::string text = e.context();
  for (const auto& [entry, source] : shared_) {
    const std::string there = std::string(guest_contract::share_directory) + "/" + entry;
    for (auto at = text.find(there); at != std::string::npos; at = text.find(there, at)) {
      const auto end = at + there.size();
      if (end < text.size() && text[end] >= '0' && text[end] <= '9') {
        at = end;
        continue;
      }
      text.replace(at, there.size(), source.string());
      at += source.string().size();
    }
  }
  return {e.code(), text};
}

result<std::string> container::share_path(const path& source) {
  auto entry = sandbox_.files().add(source);
  if (!entry) {
    return entry;
  }
  // A container that is given the same twice has it once.
  if (!shared_.emplace(entry.value(), source).second) {
    static_cast<void>(sandbox_.files().release(entry.value()));
  }
  return std::string(guest_contract::share_directory) + "/" + entry.value();
}

void container::unmount() {
  for (const auto& [entry, source] : std::exchange(shared_, {})) {
    if (const auto released = sandbox_.files().release(entry); !released) {
      log_.error("file system is still shared", {{"id", id_}, {"err", released.error().message()}});
    }
  }
  unmount_below(bundle_ / "rootfs");
}

// --- processes ---------------------------------------------------------------------------------

std::shared_ptr<process> container::find_exec(const std::string& exec_id) const {
  const auto found = execs_.find(exec_id);
  return found == execs_.end() ? nullptr : found->second;
}

void container::add_exec(std::shared_ptr<process> p) {
  p->number = sandbox_.next_number();
  execs_[p->exec_id] = std::move(p);
}

awaitable<void> container::join_starts() {
  for (;;) {
    const auto starting =
        std::find_if(execs_.begin(), execs_.end(), [](const auto& e) { return e.second->busy; });
    if (starting == execs_.end()) {
      co_return;
    }
    const auto p = starting->second;
    co_await p->changed.wait();
  }
}

std::vector<std::shared_ptr<process>> container::remove_all() {
  std::vector<std::shared_ptr<process>> all{init_};
  for (auto& [exec_id, p] : std::exchange(execs_, {})) {
    all.push_back(std::move(p));
  }
  return all;
}

void container::watch(const std::shared_ptr<process>& p) {
  sandbox_.expect_end(p->number, [this, p](const sandbox::process_end& end) {
    tasks_.spawn("conclude " + p->exec_id, conclude(p, end));
  });
}

awaitable<void> container::conclude(std::shared_ptr<process> p, sandbox::process_end end) {
  while (p->busy) {
    co_await p->changed.wait();
  }
  if (p->failed) {
    co_return;
  }
  p->exited = true;
  p->changed.notify_all();
  p->streams->process_ended();
  if (end) {
    co_await p->streams->wait_safe(end->stdout_bytes(), end->stderr_bytes());
    p->exit_status = end->exit_status();
    p->exited_at = end->exited_at();
    p->stdout_bytes = end->stdout_bytes();
    p->stderr_bytes = end->stderr_bytes();
  } else {
    co_await p->streams->wait_safe_to_end();
    p->exit_status = p->killed ? limits::killed_status : limits::lost_status;
    p->exited_at = nanoseconds_now();
    p->truncated = true;
    log_.error("process lost with its machine; its output may be truncated",
               {{"id", id_}, {"exec_id", p->exec_id}, {"status", p->exit_status}});
  }
  // The exit of a container's first process is the last of its exits.
  while (p->is_init() && any_exec_running()) {
    co_await exec_changed_.wait();
  }

  p->host.reset();
  p->state = process::status::stopped;
  p->changed.notify_all();
  exec_changed_.notify_all();
  on_stopped_(*this, *p);
}

bool container::any_exec_running() const {
  return std::any_of(execs_.begin(), execs_.end(), [](const auto& e) {
    return e.second->busy || e.second->state == process::status::running;
  });
}

awaitable<void> container::join() {
  co_await tasks_.join();
}

}  // namespace shim
