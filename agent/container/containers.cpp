#include "agent/container/containers.hpp"

#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "agent/container/cgroup.hpp"
#include "flow/system/file.hpp"
#include "runtime_api/ttrpc/status.hpp"

namespace agent {

using flow::awaitable;
using flow::error;
using flow::result;
using guest_contract::container_name;
using ttrpc::code;

containers::containers(const flow::asio::any_io_executor& executor, reaper& children, crun& runtime,
                       shim_dialer& shim, event_queue& events, os& system, flow::log& log,
                       container_directories where)
    : executor_(executor),
      children_(children),
      crun_(runtime),
      shim_(shim),
      events_(events),
      log_(log),
      mounts_(executor, system, log),
      share_(where.shares),
      where_(std::move(where)),
      memory_(executor, [this](container_id id) { check_memory(id); }),
      releases_(executor, [&log](const std::string& name, const std::exception_ptr& failure) {
        log.error("task failed", {{"task", name}, {"err", flow::describe(failure)}});
      }) {
  releases_.spawn("watch memory", memory_.run());
}

awaitable<result<pid_t>> containers::create(container_id id, process_id init,
                                            const std::string& spec, const stdio_request& stdio,
                                            container_files files) {
  if (containers_.contains(id)) {
    co_return error(code::already_exists, "container " + std::to_string(id));
  }
  if (auto available = check_new_process(init); !available) {
    co_return available.error();
  }
  containers_[id] = {.id = id, .init = init, .busy = true};
  auto& p = *(processes_[init] = std::make_unique<process>());
  p.id = init;
  p.container = id;

  const auto created = co_await run_create(id, p, spec, stdio, std::move(files));
  containers_[id].busy = false;
  if (!created) {
    processes_.erase(init);
    containers_.erase(id);
    remove_bundle(id);
    co_return created;
  }
  if (auto watched = memory_.add(id, cgroup_of(id)); !watched) {
    // The exits are told all the same.
    log_.warning("memory is not watched", {{"container", id}, {"err", watched.error().message()}});
  }
  co_return created;
}

awaitable<result<pid_t>> containers::run_create(container_id id, process& init,
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
  init.stdio = std::make_unique<process_stdio>(executor_, log_);
  const auto opened = co_await init.stdio->open(shim_, stdio);
  if (!opened) {
    co_return opened.error();
  }

  std::optional<console_socket> console;
  if (stdio.terminal()) {
    auto listening = console_socket::listen(bundle + "/console");
    if (!listening) {
      co_return listening.error();
    }
    console.emplace(std::move(listening.value()));
  }
  const reaper::expectation exit_may_come_first(children_);
  const auto pid = co_await crun_.create(container_name(id), bundle, init.stdio->process_ends(),
                                         console ? console->path() : std::string());
  const auto adopted =
      pid ? adopt(init, pid.value(), console ? &*console : nullptr) : result<void>(pid.error());
  if (!adopted) {
    // Also where crun failed: it may have died half-way.
    static_cast<void>(co_await crun_.remove(container_name(id), bundle));
    co_return adopted.error();
  }
  co_return pid;
}

awaitable<result<void>> containers::start(container_id id) {
  const auto found = find_container(id);
  if (!found) {
    co_return found.error();
  }
  co_return co_await alone(*found.value(), crun_.start(container_name(id), bundle_of(id)));
}

awaitable<result<pid_t>> containers::exec(container_id id, process_id process_number,
                                          const std::string& spec, const stdio_request& stdio) {
  const auto found = find_container(id);
  if (!found) {
    co_return found.error();
  }
  if (auto available = check_new_process(process_number); !available) {
    co_return available.error();
  }
  auto& p = *(processes_[process_number] = std::make_unique<process>());
  p.id = process_number;
  p.container = id;
  const std::string file = bundle_of(id) + "/p" + std::to_string(process_number);
  const auto pid = co_await run_exec(id, p, file, spec, stdio);
  for (const char* suffix : {"", ".pid", ".log"}) {
    std::error_code ignored;
    std::filesystem::remove(file + suffix, ignored);
  }
  if (!pid) {
    processes_.erase(process_number);
  }
  co_return pid;
}

awaitable<result<pid_t>> containers::run_exec(container_id id, process& p, const std::string& file,
                                              const std::string& spec, const stdio_request& stdio) {
  if (auto written = flow::write_file(file, spec); !written) {
    co_return written.error();
  }
  p.stdio = std::make_unique<process_stdio>(executor_, log_);
  const auto opened = co_await p.stdio->open(shim_, stdio);
  if (!opened) {
    co_return opened.error();
  }

  std::optional<console_socket> console;
  if (stdio.terminal()) {
    auto listening = console_socket::listen(file + ".console");
    if (!listening) {
      co_return listening.error();
    }
    console.emplace(std::move(listening.value()));
  }
  const reaper::expectation exit_may_come_first(children_);
  const auto pid = co_await crun_.exec(container_name(id), file, p.stdio->process_ends(),
                                       console ? console->path() : std::string());
  if (!pid) {
    co_return pid.error();
  }
  const auto adopted = adopt(p, pid.value(), console ? &*console : nullptr);
  if (!adopted) {
    ::kill(pid.value(), SIGKILL);
    co_return adopted.error();
  }
  co_return pid;
}

// From here on the process is ours: its bytes move, and its exit will be told.
result<void> containers::adopt(process& p, pid_t pid, console_socket* console) {
  p.stdio->close_process_ends();
  if (console != nullptr) {
    auto master = console->receive();
    if (!master) {
      return std::move(master).error();
    }
    p.stdio->attach_terminal(std::move(master.value()));
  }
  p.pid = pid;
  p.stdio->start();
  children_.watch(pid, [this, &p](process_end end) { exited(p, end); });
  return {};
}

void containers::exited(process& p, process_end end) {
  p.exited = true;
  const auto owner = containers_.find(p.container);
  if (owner == containers_.end()) {
    // It was killed by the removal of its container, which nobody asks about any more.
    static_cast<void>(remove_process(p.id));
    return;
  }
  // The kernel counts before it kills: if that was the reason, it is told before the exit.
  check_memory(p.container);
  hvsock::agent::v1::Event event;
  auto& exit = *event.mutable_exit();
  exit.set_process(p.id);
  exit.set_exit_status(end.status);
  exit.set_exited_at(end.ended_at);
  exit.set_stdout_bytes(p.stdio->stdout_written_at_exit());
  exit.set_stderr_bytes(p.stdio->stderr_written_at_exit());
  events_.push(std::move(event));

  // Without a pid namespace of its own a container outlives its first process; it must not.
  if (owner->second.init == p.id) {
    if (auto used = read_metrics(cgroup_of(p.container)); used) {
      owner->second.last_metrics = std::move(used.value());
    }
    static_cast<void>(cgroup_kill(cgroup_of(p.container)));
  }
}

result<void> containers::kill(container_id id, process_id process_number, int signal, bool all) {
  const auto found = find_process(process_number);
  if (!found) {
    return found.error();
  }
  const process& p = *found.value();
  if (p.container != id) {
    return no_container(id);
  }
  if (p.pid == 0) {
    return error(code::failed_precondition, "process not created");
  }
  if (all) {
    const auto directory = cgroup_of(id);
    if (signal == SIGKILL) {
      return cgroup_kill(directory);
    }
    auto pids = cgroup_processes(directory);
    if (!pids) {
      return std::move(pids).error();
    }
    for (const pid_t pid : pids.value()) {
      ::kill(pid, signal);
    }
    return {};
  }
  // A process that was not reaped yet keeps its pid, and reaping and this happen on one thread.
  if (p.exited || (::kill(p.pid, signal) != 0 && errno == ESRCH)) {
    return error(code::not_found, "process already finished");
  }
  return {};
}

result<void> containers::resize(process_id process_number, std::uint32_t width,
                                std::uint32_t height) {
  const auto found = find_process(process_number);
  if (!found) {
    return found.error();
  }
  if (!found.value()->stdio) {
    return {};
  }
  return found.value()->stdio->resize(width, height);
}

result<std::vector<containers::listed_process>> containers::pids(container_id id) const {
  if (!containers_.contains(id)) {
    return no_container(id);
  }
  auto pids = cgroup_processes(cgroup_of(id));
  if (!pids) {
    return std::move(pids).error();
  }
  std::vector<listed_process> listed;
  for (const pid_t pid : pids.value()) {
    process_id known = 0;
    for (const auto& [number, p] : processes_) {
      if (p->pid == pid && !p->exited) {
        known = number;
      }
    }
    listed.push_back({pid, known});
  }
  return listed;
}

result<void> containers::remove_process(process_id process_number) {
  const auto found = find_process(process_number);
  if (!found) {
    return found.error();
  }
  if (!found.value()->exited) {
    return error(code::failed_precondition, "process is running");
  }
  found.value()->stdio->finish();
  released_.push_front(std::move(found.value()->stdio));
  releases_.spawn("release stdio", release(released_.begin()));
  processes_.erase(process_number);
  return {};
}

awaitable<void> containers::release(std::list<std::unique_ptr<process_stdio>>::iterator stdio) {
  co_await (*stdio)->join();
  released_.erase(stdio);
}

awaitable<void> containers::close() {
  for (const auto& [number, p] : processes_) {
    released_.push_front(std::move(p->stdio));
    releases_.spawn("release stdio", release(released_.begin()));
  }
  processes_.clear();
  memory_.stop();
  for (const auto& stdio : released_) {
    stdio->abort();
  }
  co_await releases_.join();
}

awaitable<result<void>> containers::remove(container_id id) {
  const auto found = find_container(id);
  if (!found) {
    co_return found.error();
  }
  const auto removed =
      co_await alone(*found.value(), crun_.remove(container_name(id), bundle_of(id)));
  if (!removed) {
    co_return removed;
  }
  for (auto p = processes_.begin(); p != processes_.end();) {
    const auto current = p++;
    if (current->second->container == id && current->second->exited) {
      static_cast<void>(remove_process(current->first));
    }
  }
  containers_.erase(id);
  memory_.remove(id);
  remove_bundle(id);
  co_return result<void>();
}

// First the mounts: what is on them is not ours to remove.
void containers::remove_bundle(container_id id) {
  mounts_.remove(bundle_of(id));
  share_.release(id);
  std::error_code ignored;
  std::filesystem::remove_all(bundle_of(id), ignored);
}

error containers::no_container(container_id id) {
  return {code::not_found, "container " + std::to_string(id)};
}

std::string containers::bundle_of(container_id id) const {
  return where_.bundles + "/" + container_name(id);
}

std::string containers::cgroup_of(container_id id) const {
  return where_.cgroups + "/" + container_name(id);
}

result<containers::container*> containers::find_container(container_id id) {
  const auto found = containers_.find(id);
  if (found == containers_.end()) {
    return no_container(id);
  }
  if (found->second.busy) {
    return error(code::failed_precondition,
                 "container " + std::to_string(id) + " is being worked on");
  }
  return &found->second;
}

awaitable<result<void>> containers::alone(container& c, awaitable<result<void>> verb) {
  c.busy = true;
  auto done = co_await std::move(verb);
  c.busy = false;
  co_return done;
}

result<void> containers::check_new_process(process_id id) const {
  if (id == 0) {
    return error(code::invalid_argument, "process 0");
  }
  if (processes_.contains(id)) {
    return error(code::already_exists, "process " + std::to_string(id));
  }
  return {};
}

result<containers::process*> containers::find_process(process_id id) {
  const auto found = processes_.find(id);
  if (found == processes_.end()) {
    return error(code::not_found, "process " + std::to_string(id));
  }
  return found->second.get();
}

}  // namespace agent
