// The containers of this guest and their processes: what is behind the agent's service.
//
// Ids are the shim's. Failures are flow::error with a ttrpc code: an id that is not there is
// not_found, a call that does not fit the state is failed_precondition, what nobody could do is
// invalid_argument, and what crun refuses carries crun's words.
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/container/crun.hpp"
#include "agent/container/event_queue.hpp"
#include "agent/container/memory_watch.hpp"
#include "agent/container/metrics.hpp"
#include "agent/container/reaper.hpp"
#include "agent/io/console_socket.hpp"
#include "agent/io/process_stdio.hpp"
#include "agent/storage/mounts.hpp"
#include "agent/storage/os.hpp"
#include "agent/storage/share_mounts.hpp"
#include "flow/system/log.hpp"
#include "flow/task_group.hpp"
#include "runtime_api/guest/contract.hpp"

namespace agent {

// Where each container has a directory of its own, named as crun names the container; and the
// share.
struct container_directories {
  std::string bundles = guest_contract::container_directory;
  std::string cgroups = std::string("/sys/fs/cgroup") + guest_contract::containers_cgroup;
  std::string shares = guest_contract::share_directory;
};

// What a container has beside its bundle.
struct container_files {
  mounts::mount_list mounts = {};        // its root file system may be one of them
  std::vector<std::string> shares = {};  // entries of the share
};

class containers {
 public:
  using container_id = std::uint32_t;
  using process_id = std::uint32_t;
  using stdio_request = hvsock::agent::v1::Stdio;

  struct listed_process {
    pid_t pid;
    process_id process;  // 0: not one the shim started
  };

  // Everything given by reference outlives the object.
  containers(const flow::asio::any_io_executor& executor, reaper& children, crun& runtime,
             shim_dialer& shim, event_queue& events, os& system, flow::log& log,
             container_directories where = {});

  flow::awaitable<flow::result<pid_t>> create(container_id id, process_id init,
                                              const std::string& spec, const stdio_request& stdio,
                                              container_files files = container_files());
  flow::awaitable<flow::result<void>> start(container_id id);
  flow::awaitable<flow::result<pid_t>> exec(container_id id, process_id process,
                                            const std::string& spec, const stdio_request& stdio);

  flow::result<void> kill(container_id id, process_id process, int signal, bool all);
  flow::result<void> resize(process_id process, std::uint32_t width, std::uint32_t height);
  flow::result<std::vector<listed_process>> pids(container_id id) const;

  flow::awaitable<flow::result<void>> pause(container_id id);
  flow::awaitable<flow::result<void>> resume(container_id id);

  // `resources` is an OCI resources object, JSON.
  flow::awaitable<flow::result<void>> update(container_id id, const std::string& resources);

  // What the container uses, or with 0 all of them together; once its cgroup is gone, what it had
  // used when its first process ended.
  flow::result<::io::containerd::cgroups::v2::Metrics> metrics(container_id id) const;

  std::size_t container_count() const noexcept { return containers_.size(); }
  std::size_t process_count() const noexcept { return processes_.size(); }

  flow::result<void> remove_process(process_id process);
  flow::awaitable<flow::result<void>> remove(container_id id);

  // Gives up every stream and returns when nothing of this object runs any more. The last call,
  // once no other is under way and the reaper has ended.
  flow::awaitable<void> close();

 private:
  struct process {
    process_id id = 0;
    container_id container = 0;
    pid_t pid = 0;
    bool exited = false;
    std::unique_ptr<process_stdio> stdio;
  };

  struct container {
    container_id id = 0;
    process_id init = 0;
    bool busy = false;            // a verb of crun is running on it
    std::uint64_t oom_kills = 0;  // that the shim was told of
    std::optional<::io::containerd::cgroups::v2::Metrics> last_metrics = {};
  };

  flow::awaitable<flow::result<pid_t>> run_create(container_id id, process& init,
                                                  const std::string& spec,
                                                  const stdio_request& stdio,
                                                  container_files files);
  flow::awaitable<flow::result<pid_t>> run_exec(container_id id, process& p,
                                                const std::string& file, const std::string& spec,
                                                const stdio_request& stdio);
  flow::result<void> adopt(process& p, pid_t pid, console_socket* console);
  void exited(process& p, process_end end);
  void check_memory(container_id id);
  flow::awaitable<flow::result<void>> run_update(container_id id, std::string file,
                                                 const std::string& resources);
  flow::awaitable<void> release(std::list<std::unique_ptr<process_stdio>>::iterator stdio);
  void remove_bundle(container_id id);
  static flow::error no_container(container_id id);
  std::string bundle_of(container_id id) const;
  std::string cgroup_of(container_id id) const;
  flow::result<container*> find_container(container_id id);  // no verb is running on it
  // Runs a verb of crun; until it ends nothing else is done to the container.
  static flow::awaitable<flow::result<void>> alone(container& c,
                                                   flow::awaitable<flow::result<void>> verb);
  flow::result<void> check_new_process(process_id id) const;
  flow::result<process*> find_process(process_id id);

  flow::asio::any_io_executor executor_;
  reaper& children_;
  crun& crun_;
  shim_dialer& shim_;
  event_queue& events_;
  flow::log& log_;
  mounts mounts_;
  share_mounts share_;
  container_directories where_;
  std::map<container_id, container> containers_;
  std::map<process_id, std::unique_ptr<process>> processes_;
  std::list<std::unique_ptr<process_stdio>> released_;  // of processes that are forgotten
  memory_watch memory_;
  flow::task_group releases_;
};

}  // namespace agent
