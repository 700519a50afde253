// The containers of this guest: what the agent's service calls. Their processes are in processes,
// what they use in resource_usage.
//
// Failures are flow::error with a ttrpc code: an unknown id is not_found, a call that does not fit
// the state is failed_precondition, an impossible request is invalid_argument, and what crun refuses
// carries crun's own message.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "agent/container/crun.hpp"
#include "agent/container/event_queue.hpp"
#include "agent/container/processes.hpp"
#include "agent/container/reaper.hpp"
#include "agent/container/resource_usage.hpp"
#include "agent/ids.hpp"
#include "agent/storage/mounts.hpp"
#include "agent/storage/os.hpp"
#include "agent/storage/share_mounts.hpp"
#include "flow/system/log.hpp"
#include "runtime_api/guest/contract.hpp"

namespace agent {

// Where each container has a directory of its own, guest_contract::container_name(); and the share.
struct container_directories {
  std::string bundles = guest_contract::container_directory;
  std::string cgroups = std::string("/sys/fs/cgroup") + guest_contract::containers_cgroup;
  std::string shares = guest_contract::share_directory;
};

// What a container has besides its bundle.
struct container_files {
  mounts::mount_list mounts = {};        // its root file system may be one of them
  std::vector<std::string> shares = {};  // entries of the share
};

class containers {
 public:
  using stdio_request = processes::stdio_request;

  // What the containers are made with. Everything referred to must outlive them.
  struct collaborators {
    flow::asio::any_io_executor executor;
    reaper& children;
    crun& runtime;
    shim_dialer& shim;
    event_queue& events;
    os& system;
    flow::log& log;
  };

  struct listed_process {
    pid_t pid;
    process_id process;  // 0: not one that the shim started
  };

  explicit containers(const collaborators& with, container_directories where = {});

  // Return the pid of the new process, which has all of its streams. After an error nothing of it
  // is left.
  flow::awaitable<flow::result<pid_t>> create(container_id container, process_id init,
                                              const std::string& spec, const stdio_request& stdio,
                                              container_files files = container_files());
  flow::awaitable<flow::result<pid_t>> exec(container_id container, process_id process,
                                            const std::string& spec, const stdio_request& stdio);

  flow::awaitable<flow::result<void>> start(container_id container);
  flow::awaitable<flow::result<void>> pause(container_id container);
  flow::awaitable<flow::result<void>> resume(container_id container);

  // `resources` is an OCI resources object, JSON.
  flow::awaitable<flow::result<void>> update(container_id container, const std::string& resources);

  // `all`: to every process of the container that `process` belongs to.
  flow::result<void> kill(container_id container, process_id process, int signal, bool all);

  // Of a terminal, in characters; ignored if the process has none.
  flow::result<void> resize(process_id process, std::uint32_t width, std::uint32_t height);

  flow::result<std::vector<listed_process>> pids(container_id container) const;

  // What the container uses, or with 0 all of them together; once its cgroup is gone, what it had
  // used when its first process exited.
  flow::result<resource_usage::metrics_message> metrics(container_id container) const;

  std::size_t container_count() const noexcept { return containers_.size(); }
  std::size_t process_count() const noexcept { return processes_.size(); }

  // Forgets a process that has exited.
  flow::result<void> remove_process(process_id process) { return processes_.remove(process); }

  // Kills what is left of the container and forgets it, and its processes as they exit.
  flow::awaitable<flow::result<void>> remove(container_id container);

  // Aborts every stream and returns when nothing of this object runs any more. The last call, once
  // no other is in progress and the reaper has ended.
  flow::awaitable<void> close();

 private:
  struct record {
    process_id init = 0;
    bool busy = false;  // a verb of crun is running on it, which excludes the others
  };

  flow::awaitable<flow::result<pid_t>> run_create(container_id id, processes::entry& init,
                                                  const std::string& spec,
                                                  const stdio_request& stdio,
                                                  container_files files);
  flow::awaitable<flow::result<pid_t>> run_exec(processes::entry& p, const std::string& file,
                                                const std::string& spec,
                                                const stdio_request& stdio);
  flow::awaitable<flow::result<void>> run_update(container_id id, std::string file,
                                                 const std::string& resources);

  // Runs a verb of crun; until it ends nothing else is done to the container.
  static flow::awaitable<flow::result<void>> run_alone(record& c,
                                                       flow::awaitable<flow::result<void>> verb);

  void on_exit(const processes::entry& p, hvsock::agent::v1::Event exit);
  void remove_files(container_id id);

  flow::result<record*> find_idle(container_id id);  // no verb is running on it
  std::string bundle_of(container_id id) const;
  std::string cgroup_of(container_id id) const;

  reaper& children_;
  crun& crun_;
  event_queue& events_;
  container_directories where_;
  mounts mounts_;
  share_mounts share_;
  std::map<container_id, record> containers_;
  resource_usage usage_;
  processes processes_;
};

}  // namespace agent
