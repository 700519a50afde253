#include "agent/container/containers.hpp"

#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <utility>

#include "agent/container/cgroup.hpp"
#include "flow/system/file.hpp"
#include "runtime_api/ttrpc/status.hpp"

namespace agent {

using flow::awaitable;
using flow::error;
using flow::result;
using guest_contract::container_name;
using ttrpc::code;

namespace {

error not_found(container_id id) {
  return {code::not_found, "container " + std::to_string(id)};
}

}  // namespace

containers::containers(const collaborators& with, container_directories where)
    : children_(with.children),
      crun_(with.runtime),
      events_(with.events),
      where_(std::move(where)),
      mounts_(with.executor, with.system, with.log),
      share_(where_.shares),
      usage_(with.executor, with.events, with.log),
      processes_(with.executor, with.children, with.shim, with.log,
                 [this](const processes::entry& p, hvsock::agent::v1::Event exit) {
                   on_exit(p, std::move(exit));
                 }) {}

// --- new processes -----------------------------------------------------------------------------

awaitable<result<pid_t>> containers::create(container_id container, process_id init,
                                            const std::string& spec, const stdio_request& stdio,
                                            container_files files) {
  if (containers_.contains(container)) {
    co_return error(code::already_exists, "container " + std::to_string(container));
  }
  const auto added = processes_.add(init, container);
  if (!added) {
    co_return added.error();
  }
  containers_[container] = {.init = init, .busy = true};
  const auto created = co_await run_create(container, **added, spec, stdio, std::move(files));
  containers_[container].busy = false;
  if (!created) {
    processes_.abandon(init);
    usage_.remove(container);
    containers_.erase(container);
    remove_files(container);
  }
  co_return created;
}

awaitable<result<pid_t>> containers::run_create(container_id id, processes::entry& init,
                                                const std::string& spec, const stdio_request& stdio,
                                                container_files files) {
  const std::string bundle = bundle_of(id);
  if (::mkdir(bundle.c_str(), 0700) != 0) {
    co_return flow::system_error("mkdir " + bundle);
  }
  if (auto written = flow::write_file(bundle + "/config.json", spec); !written) {
    co_return written.error();
  }
  share_.hold(id, std::move(files.shares));
  const auto mounted = co_await mounts_.make(bundle, std::move(files.mounts));
  if (!mounted) {
    co_return mounted.error();
  }
  const auto connected = co_await processes_.connect(init, stdio, bundle + "/console");
  if (!connected) {
    co_return connected.error();
  }

  const reaper::expectation exit_may_come_first(children_);
  const auto pid = co_await crun_.create(container_name(id), bundle, init.stdio->process_ends(),
                                         init.console_path());
  if (pid) {
    usage_.add(id, cgroup_of(id));
  }
  const auto adopted = pid ? processes_.adopt(init, *pid) : result<void>(pid.error());
  if (!adopted) {
    // Also if crun failed: it may have died half-way.
    static_cast<void>(co_await crun_.remove(container_name(id), bundle));
    co_return adopted.error();
  }
  co_return pid;
}

awaitable<result<pid_t>> containers::exec(container_id container, process_id process,
                                          const std::string& spec, const stdio_request& stdio) {
  if (const auto idle = find_idle(container); !idle) {
    co_return idle.error();
  }
  const auto added = processes_.add(process, container);
  if (!added) {
    co_return added.error();
  }
  const std::string file = bundle_of(container) + "/p" + std::to_string(process);
  const auto pid = co_await run_exec(**added, file, spec, stdio);
  for (const char* suffix : {"", ".pid", ".log"}) {
    std::error_code ignored;
    std::filesystem::remove(file + suffix, ignored);
  }
  if (!pid) {
    processes_.abandon(process);
  }
  co_return pid;
}

awaitable<result<pid_t>> containers::run_exec(processes::entry& p, const std::string& file,
                                              const std::string& spec, const stdio_request& stdio) {
  if (auto written = flow::write_file(file, spec); !written) {
    co_return written.error();
  }
  const auto connected = co_await processes_.connect(p, stdio, file + ".console");
  if (!connected) {
    co_return connected.error();
  }

  const reaper::expectation exit_may_come_first(children_);
  const auto pid = co_await crun_.exec(container_name(p.container), file, p.stdio->process_ends(),
                                       p.console_path());
  if (!pid) {
    co_return pid.error();
  }
  if (auto adopted = processes_.adopt(p, *pid); !adopted) {
    ::kill(*pid, SIGKILL);
    co_return adopted.error();
  }
  co_return pid;
}

// --- verbs of crun -----------------------------------------------------------------------------

awaitable<result<void>> containers::start(container_id container) {
  const auto idle = find_idle(container);
  if (!idle) {
    co_return idle.error();
  }
  co_return co_await run_alone(**idle,
                               crun_.start(container_name(container), bundle_of(container)));
}

awaitable<result<void>> containers::pause(container_id container) {
  const auto idle = find_idle(container);
  if (!idle) {
    co_return idle.error();
  }
  co_return co_await run_alone(**idle,
                               crun_.pause(container_name(container), bundle_of(container)));
}

awaitable<result<void>> containers::resume(container_id container) {
  const auto idle = find_idle(container);
  if (!idle) {
    co_return idle.error();
  }
  co_return co_await run_alone(**idle,
                               crun_.resume(container_name(container), bundle_of(container)));
}

awaitable<result<void>> containers::update(container_id container, const std::string& resources) {
  const auto idle = find_idle(container);
  if (!idle) {
    co_return idle.error();
  }
  const std::string file = bundle_of(container) + "/resources.json";
  co_return co_await run_alone(**idle, run_update(container, file, resources));
}

awaitable<result<void>> containers::run_update(container_id id, std::string file,
                                               const std::string& resources) {
  if (auto written = flow::write_file(file, resources); !written) {
    co_return written.error();
  }
  const auto updated = co_await crun_.update(container_name(id), bundle_of(id), file);
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
  co_return updated;
}

awaitable<result<void>> containers::remove(container_id container) {
  const auto idle = find_idle(container);
  if (!idle) {
    co_return idle.error();
  }
  const auto removed =
      co_await run_alone(**idle, crun_.remove(container_name(container), bundle_of(container)));
  if (!removed) {
    co_return removed;
  }
  processes_.remove_exited(container);
  usage_.remove(container);
  containers_.erase(container);
  remove_files(container);
  co_return result<void>();
}

awaitable<result<void>> containers::run_alone(record& c, awaitable<result<void>> verb) {
  c.busy = true;
  auto done = co_await std::move(verb);
  c.busy = false;
  co_return done;
}

// --- processes ---------------------------------------------------------------------------------

void containers::on_exit(const processes::entry& p, hvsock::agent::v1::Event exit) {
  const auto owner = containers_.find(p.container);
  if (owner == containers_.end()) {
    // Its container was removed, and so it was killed; nobody asks for it any more.
    static_cast<void>(processes_.remove(p.id));
    return;
  }
  usage_.report_kills(p.container);
  events_.push(std::move(exit));

  // Without a pid namespace of its own a container outlives its first process; it must not.
  if (owner->second.init == p.id) {
    usage_.keep_metrics(p.container);
    static_cast<void>(cgroup_signal(cgroup_of(p.container), SIGKILL));
  }
}

result<void> containers::kill(container_id container, process_id process, int signal, bool all) {
  const auto found = processes_.find(process);
  if (!found) {
    return found.error();
  }
  const auto& p = **found;
  if (p.container != container) {
    return not_found(container);
  }
  if (!all) {
    return processes::signal(p, signal);
  }
  if (auto allowed = can_signal_container(p.state); !allowed) {
    return allowed;
  }
  return cgroup_signal(cgroup_of(container), signal);
}

result<void> containers::resize(process_id process, std::uint32_t width, std::uint32_t height) {
  const auto found = processes_.find(process);
  if (!found) {
    return found.error();
  }
  const auto& p = **found;
  return p.stdio ? p.stdio->resize(width, height) : result<void>();
}

result<std::vector<containers::listed_process>> containers::pids(container_id container) const {
  if (!containers_.contains(container)) {
    return not_found(container);
  }
  const auto pids = cgroup_processes(cgroup_of(container));
  if (!pids) {
    return pids.error();
  }
  std::vector<listed_process> listed;
  for (const pid_t pid : *pids) {
    listed.push_back({pid, processes_.id_of(pid)});
  }
  return listed;
}

result<resource_usage::metrics_message> containers::metrics(container_id container) const {
  if (container == 0) {
    return read_metrics(where_.cgroups);
  }
  if (!containers_.contains(container)) {
    return not_found(container);
  }
  return usage_.metrics(container);
}

awaitable<void> containers::close() {
  co_await processes_.close();
  co_await usage_.close();
}

// --- what a container has ----------------------------------------------------------------------

// First the mounts: what is on them must not be removed.
void containers::remove_files(container_id id) {
  mounts_.remove(bundle_of(id));
  share_.release(id);
  std::error_code ignored;
  std::filesystem::remove_all(bundle_of(id), ignored);
}

std::string containers::bundle_of(container_id id) const {
  return where_.bundles + "/" + container_name(id);
}

std::string containers::cgroup_of(container_id id) const {
  return where_.cgroups + "/" + container_name(id);
}

result<containers::record*> containers::find_idle(container_id id) {
  const auto found = containers_.find(id);
  if (found == containers_.end()) {
    return not_found(id);
  }
  if (found->second.busy) {
    return error(code::failed_precondition,
                 "another operation on container " + std::to_string(id) + " is in progress");
  }
  return &found->second;
}

}  // namespace agent
