// A container: what was mounted for it, its first process, and the execs in it.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "shim/oci/spec.hpp"
#include "shim/rootfs/guest_mounts.hpp"
#include "shim/rootfs/mount.hpp"
#include "shim/sandbox/sandbox.hpp"
#include "shim/task/process.hpp"

namespace shim {

class container {
 public:
  // Told when a process has stopped.
  using stopped_handler = std::function<void(const container&, const process&)>;

  container(const flow::asio::any_io_executor& executor, std::string id,
            std::filesystem::path bundle, sandbox& in, stopped_handler on_stopped, flow::log& log);
  container(const container&) = delete;
  container& operator=(const container&) = delete;
  ~container() { sandbox_.forget(number_); }

  // Whether its processes are frozen; none is started unless they are thawed.
  enum class freezer { thawed, freezing, frozen, thawing };
  freezer frozen = freezer::thawed;

  // The last event about memory that was published; 0: none.
  std::uint64_t memory_event = 0;

  const std::string& id() const noexcept { return id_; }
  const std::filesystem::path& bundle() const noexcept { return bundle_; }
  std::uint32_t number() const noexcept { return number_; }
  const std::shared_ptr<process>& init() const noexcept { return init_; }

  // Mounts the root file system at bundle/rootfs and gives it, and what `s` binds, to the guest;
  // and opens the images that the guest is to mount itself. Returns the specification for the
  // guest's OCI runtime. On an error nothing stays mounted.
  flow::result<std::string> prepare(const std::vector<mount_description>& rootfs, const spec& s,
                                    const spec::namespace_function& in_guest);

  // Takes all of that away.
  void unmount();

  // The images become disks of the machine, and cease to be. detach_disks() after the guest has
  // unmounted them.
  flow::awaitable<flow::result<void>> attach_disks();
  flow::awaitable<void> detach_disks();
  bool has_disks() const noexcept { return !guest_mounts_.disks.empty(); }

  // What the agent is to mount, and what it is to hold mounted.
  void add_file_systems(hvsock::agent::v1::CreateContainerRequest& to) const;

  // What the guest says of its paths, said of the host's.
  flow::error in_terms_of_the_host(const flow::error& e) const;

  // The exec, or nothing.
  std::shared_ptr<process> find_exec(const std::string& exec_id) const;
  void add_exec(std::shared_ptr<process> p);
  void remove_exec(const std::string& exec_id) { execs_.erase(exec_id); }
  const std::map<std::string, std::shared_ptr<process>>& execs() const noexcept { return execs_; }

  // The Start of an exec has ended, well or not: what waits for execs looks again.
  void exec_started() { exec_changed_.notify_all(); }

  // Returns when no exec of it is being started.
  flow::awaitable<void> join_starts();

  // Init and execs, which are the caller's from here on. The execs are forgotten; calls that are
  // still under way find init.
  std::vector<std::shared_ptr<process>> remove_all();

  // The guest knows `p` from here on: its end will be told when its output is safe.
  void watch(const std::shared_ptr<process>& p);

  // Returns when no end is being worked on. All processes must have ended.
  flow::awaitable<void> join();

 private:
  flow::result<std::string> prepare_root(const std::vector<mount_description>& rootfs,
                                         const spec& s);
  flow::result<std::string> mount_in_guest(const std::vector<mount_description>& mounts);
  flow::result<void> open_disks();
  flow::result<std::string> share_path(const std::filesystem::path& source);
  flow::awaitable<void> conclude(std::shared_ptr<process> p, sandbox::process_end end);
  bool any_exec_running() const;

  flow::asio::any_io_executor executor_;
  std::string id_;
  std::filesystem::path bundle_;
  sandbox& sandbox_;
  stopped_handler on_stopped_;
  flow::log& log_;
  std::uint32_t number_;
  std::map<std::string, std::filesystem::path> shared_;  // entries of the share, and what they are
  guest_mounts guest_mounts_;
  std::vector<disk> disks_;  // opened, not plugged in yet
  std::shared_ptr<process> init_;
  std::map<std::string, std::shared_ptr<process>> execs_;
  flow::event exec_changed_;
  flow::task_group tasks_;
};

}  // namespace shim
